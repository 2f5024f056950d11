// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// One wait that signals may end.
final class Interruption: Sendable {
    private let core: SignalCore
    /// The first signal that came.
    private let signal = Lock<Signal?>(nil)
    private let gate = Future<Void>.pending()
    private let place = SubscriptionPlace()

    /// Handles the signals from now on.
    init(by source: SignalSource) throws {
        core = try SignalCore.current(for: "waiting until \(source)")
        // A signal is noted, and stays with the registry: if it has interrupted nothing, it is for others.
        let consumer = _Consumer<SignalDelivery>(demand: .unlimited, claims: { self.note($0.signal) }) { _ in }
        let handler = core.subscriber(to: source.signals, consumer)
        try core.add(handler, to: source.signals)
        place.fill(handler.subscription)
    }

    private func note(_ arrived: Signal) -> Bool {
        signal.withLock { signal in
            if signal == nil { signal = arrived }
        }
        wake()
        return false
    }

    /// Ends the wait. From any thread.
    func wake() { _ = gate._succeed(()) }

    /// Waits for the source or a signal.
    ///
    /// - Returns: What else ended the wait.
    func failureOfWait(for source: Future<some Sendable>, timeout: Duration?) -> (any Error)? {
        do {
            guard case .thread = WaitContext.current, !source.isCompleted else {
                try gate.wait(timeout: timeout)
                return nil
            }
            // A thread that blocks for the gate blocks for the source, whose producer may refuse that.
            try source._whileBlocking { try gate.wait(timeout: timeout) }
            return nil
        } catch { return error }
    }

    /// The signal that came, for the caller of the wait.
    func tell() -> Signal {
        let signal = signal.withLock { $0! }
        core.tell(signal)
        return signal
    }

    /// Leaves. A signal that came and has interrupted nothing is sent again, unless somebody else has heard of it.
    func end() { place.cancel() }
}
