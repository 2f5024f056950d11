// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CStackSwitch
import Futures

/// What becomes of greenlets when their loop stops: `LoopClosed` is thrown at their wait points.
extension Hub {
    /// How often a closing hub throws into greenlets that go on waiting.
    private static var closingRounds: Int { 16 }
    /// How often, a millisecond each, it waits for what other threads have begun to deliver.
    private static var patience: Int { 5_000 }

    /// Whether the calling thread is the one that the greenlets' stacks belong to.
    var isOnItsThread: Bool { unsafe carrier == nil || sy_carrier_current() == carrier }

    /// The loop has stopped, or is stopping and will call the hub in further turns.
    func close() {
        if unsafe live.isEmpty { return }
        // A stack can be unwound on its own thread only.
        guard isOnItsThread else {
            let reason = "could not be unwound: loop \"\(name)\" was stopped on another thread than the one that ran it"
            for greenlet in unsafe live.all { abandon(greenlet, because: reason) }
            return
        }
        if turnHosting != nil { requestTurn() } else { while closingTurn() {} }
    }

    /// Throws into all greenlets and runs them, each once. Before it does so again, those get their time which have been
    /// thrown into but are not resumed by the hub.
    ///
    /// - Returns: True if there is more to do.
    func closingTurn() -> Bool {
        takeLateUnparks()
        if closingRounds > 0, closingDelays < Self.patience, unsafe live.all.contains(where: \.isAboutToBeResumed) {
            closingDelays += 1
            unsafe runReady(share: live.count + 1)
            _ = ThreadParker().wait(until: LoopInstant.now.advanced(by: .milliseconds(1)))
            return unsafe !live.isEmpty
        }
        if closingRounds < Self.closingRounds {
            closingRounds += 1
            for greenlet in unsafe live.all { greenlet.interrupt(closedError(greenlet)) }
            unsafe runReady(share: live.count + 1)
            return unsafe !live.isEmpty
        }
        // Whoever is ready here has swallowed the error and yields: it must not be resumed once it is given up.
        unsafe scheduler.pointee.removeAll()
        let reason =
            "went on waiting \(Self.closingRounds) times after \(ending.clause(loop: name)): let the errors of wait"
            + " points pass"
        for greenlet in unsafe live.all { abandon(greenlet, because: reason) }
        return false
    }

    /// From another thread: a wait is over, and the loop takes no more posts.
    func unparkLate(_ greenlet: AnyGreenlet) { lateUnparks.withLock { $0.append(greenlet) } }

    private func takeLateUnparks() {
        let greenlets = lateUnparks.withLock { late in
            defer { late = [] }
            return late
        }
        for greenlet in greenlets where unsafe greenlet.state == .started { greenlet.unparkHere() }
    }

    /// Keeps the stack of a greenlet that could not be unwound, and reports it.
    private func abandon(_ greenlet: AnyGreenlet, because reason: String) {
        if unsafe greenlet.state == .pending {
            greenlet.endUnstarted(closedError(greenlet))
            remove(greenlet)
        } else {
            Reporter.report(
                .message("the greenlet \(greenlet._summary) \(reason). Its stack is kept, and what it holds leaks.")
            )
            giveUp(greenlet)
            greenlet.endAbandoned(closedError(greenlet))
        }
    }

    /// Keeps the stack of a greenlet for ever, and whatever it needs.
    func giveUp(_ greenlet: AnyGreenlet) {
        // One that ran on a thread which is not in this process is as it was there.
        if let context = unsafe greenlet.context, unsafe sy_carrier_running(carrier) != context {
            unsafe sy_context_abandon(context)
        }
        unsafe greenlet.context = nil
        // A source may still call the greenlet, which then asks its hub, which asks its loop.
        unsafe loopOfTheLost = unsafe loop
        _ = unsafe unlink(greenlet)
        // SAFETY: what its frames hold leaks, and so do the greenlet and this hub.
        _ = unsafe Unmanaged.passRetained(self)
    }
}
