// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#if DEBUG
import Futures

/// How the task-local bindings stood below those of a fiber, and when it last left.
struct FiberMarks {
    private(set) var base: BindingMark?
    var left: BindingMark?
    var isReported = false

    /// It left with a binding of its own open.
    var leftOpen: Bool { BindingMark.differ(base, left) }

    mutating func resume(_ now: BindingMark?) { if !leftOpen { base = now } }
}

/// In a task all fibers bind task-locals in one list, the task's. What one of them leaves open there another one takes for
/// its own: the scopes nest no longer.
extension FiberHost {
    func willLeave(_ fiber: FiberCore) { fiber.marks.left = BindingMark.current }

    /// Reports who has left a binding open, as soon as it lies on top of the main code's, or of a fiber's own.
    ///
    /// A fiber that has none of its own is indifferent to what lies there: its resumer's scope may have ended since.
    func didArrive(at fiber: FiberCore, from other: FiberCore?) {
        let now = BindingMark.current
        let marks = fiber.marks
        fiber.marks.resume(now)
        guard fiber.isMain || marks.leftOpen, BindingMark.differ(marks.left, now) else { return }
        let candidates = (other.map { [$0] } ?? []) + activeFibers
        let who = candidates.first {
            $0 !== fiber && !$0.isMain && $0.state == .active && $0.marks.left?.task == now?.task && $0.marks.leftOpen
        }
        guard let who, !who.marks.isReported else { return }
        who.marks.isReported = true
        let place = who.backtrace.first {
            !$0.description.contains("Greenlets.") && $0.function?.hasPrefix("sy_") != true
        }
        Reporter.report(
            .message(
                "\(who.summary) left a task-local scope open as it switched away\(place.map { " in \($0)" } ?? ""). It runs"
                    + " inside a task, whose fibers bind in one list: others see its value, and scopes that end out of turn"
                    + " may stop the process. Close the scope before you switch."
            )
        )
    }
}
#endif
