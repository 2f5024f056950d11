// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#if DEBUG
import CStackSwitch
import Futures

/// What should not be open as a greenlet leaves its stack. Each is reported once for the place where greenlets are spawned.
extension AnyGreenlet {
    private static let reported = Lock<Set<String>>([])

    /// As it leaves for the hub.
    @inline(never)
    final func willLeave() {
        checkAccesses()
        guard unsafe BindingMark.differ(resumedAt, BindingMark.current) else { return }
        reportOnce(
            "task-local scope",
            "with a task-local scope open. Here the runtime does not let the scopes of greenlets be kept apart: the others of"
                + " the thread see its value, and scopes that end out of turn may stop the process. Close the scope before"
                + " you wait."
        )
    }

    @inline(never)
    final func didResume() { unsafe resumedAt = BindingMark.current }

    /// Also as a portal leaves for its host.
    final func checkAccesses() {
        guard unsafe sy_runtime_current_words().accesses != nil else { return }
        reportOnce(
            "exclusive access",
            "inside an exclusive access: in a mutating method, or a function with an inout argument. Whoever touches the same"
                + " value meanwhile is not stopped, as he would be elsewhere. Wait first, then change the value."
        )
    }

    private func reportOnce(_ kind: String, _ text: String) {
        let place = "\(kind) \(origin.map { "\($0)" } ?? displayName)"
        guard Self.reported.withLock({ $0.insert(place).inserted }) else { return }
        let source = unsafe waitsFor.map { unsafe " for \($0.takeUnretainedValue()._summary)" } ?? ""
        Reporter.report(.message("the greenlet \(_summary) waits\(source) \(text)"))
    }
}
#endif
