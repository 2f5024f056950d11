// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// A style as a sink: the verb that consumes what is awaitable.
protocol Sink: Sendable {
    /// The verb, for people.
    static var name: String { get }
    /// Attaches a consumer, which tells the probe what it gets, where, and in which context.
    static func attach(_ subject: some Awaitable<Int>, _ probe: Probe) throws -> Attachment
}

/// A consumer that waits.
struct Attachment: Sendable {
    /// What a consumer that cancels is told; nil is nothing at all.
    let told: String?
    /// The consumer waits, so that a cancellation finds it there.
    let isWaiting: @Sendable () -> Bool
    /// Lets go of what the consumer uses.
    let end: @Sendable () -> Void
    /// What the consumer does to cancel.
    let cancel: @Sendable () -> Void

    init(
        told: String? = "CancellationError",
        isWaiting: @escaping @Sendable () -> Bool = { true },
        end: @escaping @Sendable () -> Void = {},
        cancel: @escaping @Sendable () -> Void
    ) {
        self.told = told
        self.isWaiting = isWaiting
        self.end = end
        self.cancel = cancel
    }
}
