// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import Loops

extension VirtualLoop {
    /// Stops the loop for good: what has been posted still runs, what is pending on it fails with `LoopClosed`.
    ///
    /// - Executor: If nobody drives the loop, the pending are failed on the calling thread.
    public func stop() {
        let mustClose = inbox.withLock { inbox in
            guard inbox.phase == .idle || inbox.phase == .running else { return false }
            defer { inbox.phase = .stopping }
            return inbox.phase == .idle
        }
        if mustClose { box.enter { close() } }
    }

    func close() {
        _ = runPosted()
        for action in closers.close() { action() }
        var rounds = 0
        var goesOn = true
        while goesOn, rounds < 1000 {
            let worked = runPosted()
            goesOn = runHook() || worked
            rounds += 1
        }
        let rest = inbox.withLock { inbox in
            inbox.phase = .stopped
            inbox.pin = nil
            defer { inbox.work = [] }
            return inbox.work
        }
        (turnHook, stuckHook) = (nil, nil)
        timers.removeAll()
        for posted in rest {
            if case .job(let job) = posted.work { Retirement.shared.run(job, of: self, box: box) }
        }
    }
}

/// A virtual loop has nothing left to do, and what it was to run for has no outcome: the program under test hangs.
public struct Stalled: Error, Sendable, CustomStringConvertible {
    /// The loop's name.
    public let loop: String
    /// What it was run for.
    public let source: String

    /// What happened, where it began, what to do.
    public var description: String {
        "Stalled: virtual loop \"\(loop)\" has no callbacks and no timers left, but \(source) has no outcome. Nobody is left"
            + " to complete it; if another thread is, run with more patience."
    }
}

/// A virtual loop always had something more to do at one instant.
public struct NeverIdle: Error, Sendable, CustomStringConvertible {
    /// The loop's name.
    public let loop: String
    /// How many turns it took.
    public let turns: Int

    /// What happened, where it began, what to do.
    public var description: String {
        "NeverIdle: virtual loop \"\(loop)\" still had work after \(turns) turns at one instant. Something posts itself over"
            + " and over; let it wait for a timer, or run until a condition."
    }
}
