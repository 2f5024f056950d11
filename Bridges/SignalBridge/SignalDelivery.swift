// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// That a signal came.
public struct SignalDelivery: Sendable, Hashable, CustomStringConvertible {
    /// Which signal.
    public let signal: Signal
    /// How often the kernel delivered it since the last time.
    ///
    /// The kernel delivers a signal once that is sent again before a thread could receive it; only real-time signals are
    /// queued. Deliveries that came while nobody was ready to hear of them are added up here.
    public let count: Int

    /// Makes a delivery; for tests and for sources of one's own.
    public init(_ signal: Signal, count: Int = 1) {
        self.signal = signal
        self.count = count
    }

    /// `SIGUSR1`, or `SIGUSR1 × 3`.
    public var description: String { count == 1 ? "\(signal)" : "\(signal) × \(count)" }

    /// Both as one, if they are of the same signal.
    static func merge(_ a: SignalDelivery, _ b: SignalDelivery) -> SignalDelivery? {
        a.signal == b.signal ? SignalDelivery(a.signal, count: a.count + b.count) : nil
    }
}
