// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// One wait that signals may end.
final class Interruption: Sendable {
    private struct State {
        var signal: Signal?
        /// The caller of the wait has been told.
        var isTold = false
        /// Nobody will be told any more.
        var isOver = false
    }

    private let core: SignalCore
    private let state = Lock(State())
    private let gate = Future<Void>.pending()
    private let place = SubscriptionPlace()

    /// Handles the signals from now on.
    init(by source: SignalSource) throws {
        core = try SignalCore.current(for: "waiting until \(source)")
        let signals = source.signals
        let handler = SignalCore.Handler(
            demand: .unlimited,
            onLeave: { [core] in core.remove($0, from: signals) }
        ) { event in
            guard case .next(let delivery) = event else { return }
            let isLate = self.state.withLock { state in
                if state.signal == nil { state.signal = delivery.signal }
                return state.isOver
            }
            if isLate { self.passOn(delivery.signal) } else { self.wake() }
        }
        try core.add(handler, to: signals)
        place.fill(handler.subscription)
    }

    /// Ends the wait. From any thread.
    func wake() { _ = gate._succeed(()) }

    /// Waits for the source or a signal.
    ///
    /// - Returns: What else ended the wait.
    func failureOfWait(for source: Future<some Sendable>, timeout: Duration?) -> (any Error)? {
        do {
            // A look asks the source's producer whether this thread may block for it.
            if case .thread = WaitContext.current, !source.isCompleted {
                do { try source._waitUntilDone(timeout: .zero) } catch is TimedOut {}
            }
            try gate.wait(timeout: timeout)
            return nil
        } catch { return error }
    }

    /// The signal that came, for the caller of the wait.
    func tell() -> Signal {
        state.withLock { state in
            state.isTold = true
            return state.signal!
        }
    }

    /// Leaves. A signal that came and has interrupted nothing is sent again, unless somebody else has heard of it.
    func end() {
        place.cancel()
        let untold = state.withLock { state in
            state.isOver = true
            return state.isTold ? nil : state.signal
        }
        if let untold { passOn(untold) }
    }

    private func passOn(_ signal: Signal) { if core.handlerCount(of: signal) == 0 { core.passOn(signal) } }
}
