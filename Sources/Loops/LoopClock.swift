// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// The clock of a loop: its sleeps are timers of the loop, so on a virtual loop they end in virtual time.
public struct LoopClock: Clock {
    /// The loop whose time this is.
    public let loop: any Loop

    /// Makes the clock of a loop.
    public init(_ loop: any Loop) { self.loop = loop }

    /// The loop's time.
    public var now: LoopInstant { loop.now }

    /// A nanosecond.
    public var minimumResolution: Duration { .nanoseconds(1) }

    /// Suspends the task until the instant.
    ///
    /// - Executor: Resumes where the caller runs; no thread besides the loop's takes part.
    /// - Cancellation: Cancelling the task takes the timer back and throws `CancellationError` at once.
    /// - Errors: `LoopClosed` if the loop stops first.
    public func sleep(until deadline: LoopInstant, tolerance: Duration? = nil) async throws {
        try await Future<Void>.sleep(until: deadline, on: loop).value
    }
}

extension Loop {
    /// The loop's clock, for the language's own tools: `try await loop.clock.sleep(for: .seconds(1))`.
    public var clock: LoopClock { LoopClock(self) }
}
