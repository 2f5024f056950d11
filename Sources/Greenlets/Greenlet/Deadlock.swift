// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// Greenlets would wait for each other's end in a circle, for ever.
public struct Deadlock: Error, Sendable, CustomStringConvertible {
    /// The greenlets, each waiting for the next and the last for the first, with where they were spawned in debug builds.
    /// The first is the one whose wait was refused.
    public let cycle: [String]

    /// What happened, where it began, what to do.
    public var description: String {
        "Deadlock: this wait would close a circle in which each greenlet waits for the next one's end: "
            + (cycle + [cycle[0]]).joined(separator: " → ")
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
