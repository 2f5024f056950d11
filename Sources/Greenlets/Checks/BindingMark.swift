// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#if DEBUG
import CStackSwitch

/// Where a list of task-local bindings stands that several stacks share: a task's; or the thread's, where the runtime's
/// word was not found and does not follow the stacks.
struct BindingMark: Equatable {
    let task: UInt
    private let head: UInt

    private static let isListOfThreadShared =
        sy_engine_get() == SY_ENGINE_ASSEMBLY && sy_runtime_get_capabilities() & SY_RUNTIME_LOCALS.rawValue == 0

    /// Nil where the stack that runs has a list of its own, and where lists cannot be read.
    static var current: BindingMark? {
        let task = unsafe UInt(bitPattern: sy_runtime_current_task())
        guard task != 0 || isListOfThreadShared, sy_runtime_reads_locals() else { return nil }
        return BindingMark(task: task, head: UInt(sy_runtime_locals_head()))
    }

    /// A binding has been opened and not closed between the two, or the other way round, in the same list.
    static func differ(_ before: BindingMark?, _ after: BindingMark?) -> Bool {
        guard let before, let after else { return false }
        return before.task == after.task && before.head != after.head
    }
}
#endif
