// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// A wait that nothing could end: one that would close a circle of greenlets which wait for each other's end, or the last of
/// those that are all waiting for what only one of them could do (gevent: LoopExit, Stackless: deadlock).
///
/// The latter is told while a caller runs the loop for a greenlet, for all of them (``Hub/whenIdle(of:)``) or until it is
/// stopped, has nothing else to do, and each greenlet waits without a limit for another's end or in a line that is confined to the
/// loop (`Channel(confinedTo:)`). Whatever somebody else may complete is never a deadlock: a promise that is alive, a line that is not
/// confined, a timer, a descriptor, a job of a pool, a portal; nor is anything on a loop with a thread of its own. One greenlet
/// is told: the one that the awaited one waits for in the end, or the first. It may go on, and the others get their chance.
public struct Deadlock: Error, Sendable, CustomStringConvertible {
    /// The greenlets of the circle, each waiting for the next and the last for the first, with where they were spawned in debug
    /// builds. The first is the one whose wait was refused. Empty if there is no circle.
    public let cycle: [String]
    /// All greenlets of the loop, and what each waits for, if that is no circle.
    public let waiters: [String]

    init(cycle: [String]) { (self.cycle, waiters) = (cycle, []) }

    init(waiters: [String]) { (cycle, self.waiters) = ([], waiters) }

    /// What happened, where it began, what to do.
    public var description: String {
        guard let first = cycle.first else {
            return "Deadlock: no greenlet of this loop can go on, as each waits for another one: "
                + waiters.joined(separator: "; ")
                + ". Have one of them send, close what nobody uses any more, wait with a timeout, or say that somebody else is"
                + " going to post: Hub.expectPosts(on:)."
        }
        return "Deadlock: this wait would close a circle in which each greenlet waits for the next one's end: "
            + (cycle + [first]).joined(separator: " → ")
            + ". Let one of them end first, wait with a timeout, or kill one."
    }
}

extension AnyGreenlet {
    /// The common case at once: nobody else waits for a greenlet, so there is no circle to close but one's own.
    @inline(__always)
    final func mayDeadlock(on source: Unmanaged<_FutureCore>) -> Bool {
        unsafe scheduler.pointee.waitingForGreenlets != 0 || source.toOpaque() == outcomeReference.toOpaque()
    }

    /// The circle that waiting for this source without a deadline would close (gevent: LoopExit). Only greenlets of one hub
    /// that wait for each other's end count: whatever somebody else may complete is never a deadlock.
    final func deadlock(on source: Unmanaged<_FutureCore>) -> Deadlock? {
        var cycle = [self]
        var producer = unsafe source._withUnsafeGuaranteedRef { $0._producer as? AnyGreenlet }
        while let greenlet = producer {
            if greenlet === self { return Deadlock(cycle: cycle.map(\._summary)) }
            let isStuck =
                unsafe greenlet.scheduler == scheduler && greenlet.isParked && greenlet.isInterruptible
                && !greenlet.hasDeadline && cycle.count <= hub.liveCount
            guard isStuck, let next = unsafe greenlet.waitsFor else { return nil }
            cycle.append(greenlet)
            producer = unsafe next._withUnsafeGuaranteedRef { ($0 as? _FutureCore)?._producer as? AnyGreenlet }
        }
        return nil
    }
}
