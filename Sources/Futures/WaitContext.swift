// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures

/// What can park: a greenlet. The one thing a wait asks of the world of greenlets.
package protocol Parker: AnyObject, Sendable {
    /// Suspends the running greenlet until `_unpark`, the deadline, or an interruption.
    ///
    /// - Returns: True if unparked, false if the deadline came first.
    /// - Throws: What a kill or a cancellation delivers at this wait point.
    func park(until deadline: LoopInstant?) throws -> Bool

    /// Suspends until `_unpark`, whatever else happens: an observer that could not be withdrawn is about to call.
    func parkUninterruptibly()

    /// Ends the current or next park. From any thread.
    func unpark()

    /// The clock of deadlines.
    var clock: any Loop { get }
}

/// Who is asking to wait (DESIGN §4).
package enum WaitContext {
    case greenlet(any Parker)
    case thread
    case refused(WouldDeadlock)

    /// Looks at the calling thread. Only on the pending path of a wait.
    package static var current: WaitContext {
        if let node = _Trampoline.running { return .refused(WouldDeadlock(.observer(of: node._summary))) }
        let words = unsafe sy_thread_current()
        let task = unsafe sy_current_task()
        if let parker = unsafe words.pointee.parker {
            guard unsafe words.pointee.task == task else { return .refused(WouldDeadlock(.foreignTask)) }
            // SAFETY: the greenlet that runs is alive.
            return .greenlet(unsafe Unmanaged<ParkerBox>.fromOpaque(parker).takeUnretainedValue().parker)
        }
        if unsafe task != nil { return .refused(WouldDeadlock(.task)) }
        if let loop = CurrentLoop.current { return .refused(WouldDeadlock(.loop(loop.name))) }
        return .thread
    }
}

/// A parker's place in a thread's words.
package final class ParkerBox: Sendable {
    package unowned let parker: any Parker
    package init(_ parker: any Parker) { self.parker = parker }
}
