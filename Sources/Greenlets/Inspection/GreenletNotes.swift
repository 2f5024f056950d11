// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CStackSwitch
import Futures
import Synchronization

/// What few greenlets need: the history of their kills, and who looks at when they leave their stack.
///
/// Touched on the hub's thread only.
final class GreenletNotes {
    /// A kill that has come, as long as the greenlet lives.
    struct Kill {
        /// When the first one came, by the loop's clock.
        let came: LoopInstant
        /// How often one was thrown at a wait.
        var thrownCount = 0
        /// When that was, for the first time.
        var firstThrown: LoopInstant?
        /// Somebody was told that the greenlet goes on.
        var isReported = false
    }

    var kill: Kill?
    var exemptions = 0
    var assertions: [SwitchAssertion] = []

    /// The greenlet leaves its stack.
    func leaves(_ scheduler: UnsafeMutablePointer<Scheduler>) {
        if exemptions > 0 { unsafe scheduler.pointee.isExempt.store(false, ordering: .relaxed) }
        for assertion in assertions { assertion.endStretch(isSwitch: true) }
    }

    /// It is back.
    func comesBack(_ scheduler: UnsafeMutablePointer<Scheduler>) {
        if exemptions > 0 { unsafe scheduler.pointee.isExempt.store(true, ordering: .relaxed) }
        for assertion in assertions { assertion.beginStretch() }
    }
}

extension AnyGreenlet {
    /// The notes, made if there are none.
    final var writtenNotes: GreenletNotes {
        if let notes { return notes }
        let made = GreenletNotes()
        notes = made
        return made
    }

    /// The ways off the stack where somebody looks.
    final func suspendWatched() {
        guard let context = unsafe context else { return }
        unsafe notes?.leaves(scheduler)
        unsafe suspend(context)
        unsafe notes?.comesBack(scheduler)
    }

    final func yieldWatched() {
        guard let context = unsafe context else { return }
        unsafe notes?.leaves(scheduler)
        unsafe yieldToOthers(context)
        unsafe notes?.comesBack(scheduler)
    }
}
