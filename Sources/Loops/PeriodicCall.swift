// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// Calls that a loop repeats, from `every(_:jitter:_:)` until `stop()` (Tornado: PeriodicCallback).
public final class PeriodicCall: Sendable {
    private struct State {
        var timer = LoopTimer.spent
        var due: LoopInstant
        var isStopped = false
        var calls = 0
        var random = SystemRandomNumberGenerator()
        var start: Start?
    }

    typealias Start = @Sendable (_ done: @escaping @Sendable (Result<Void, any Error>) -> Void) -> Void

    /// The time from start to start.
    public let period: Duration
    private let jitter: Double
    // The loop holds the timer, that holds this object; the loop is only asked while it runs, or by who makes the call.
    private unowned let loop: any Loop
    private let state: Lock<State>

    init(
        on loop: any Loop,
        period: Duration,
        jitter: Double,
        start: @escaping Start
    ) throws {
        guard period > .zero, (0...1).contains(jitter) else { throw InvalidPeriod(period: period, jitter: jitter) }
        self.period = period
        self.jitter = jitter
        self.loop = loop
        state = Lock(State(due: loop.now, start: start))
        scheduleNext()
    }

    /// Ends the calls. One that is under way goes on to its end.
    ///
    /// - Executor: From any thread, also from the call itself.
    public func stop() {
        // The call may hold this object: it is let go of.
        let (timer, start) = state.withLock { state in
            state.isStopped = true
            return (state.timer, state.start.take())
        }
        timer.cancel()
        _ = consume start
    }

    /// Whether the calls have been stopped.
    public var isStopped: Bool { state.withLock { $0.isStopped } }

    /// How many calls have started.
    public var calls: Int { state.withLock { $0.calls } }

    private func scheduleNext() {
        let now = loop.now
        let due: LoopInstant? = state.withLock { state in
            guard !state.isStopped else { return nil }
            var step = Duration.nanoseconds(max(1, period._nanoseconds))
            if jitter != 0 {
                let factor = 1 + jitter * (Double.random(in: 0..<1, using: &state.random) - 0.5)
                step = max(.nanoseconds(1), step * factor)
            }
            var next = state.due.advanced(by: step)
            // Ticks that have been overrun are skipped, and the rhythm is kept.
            if next <= now { next = next.advanced(by: step * Int(next.duration(to: now) / step + 1)) }
            state.due = next
            return next
        }
        guard let due else { return }
        let timer = loop.schedule(at: due) { [self] in tick() }
        let isStopped = state.withLock { state in
            state.timer = timer
            return state.isStopped
        }
        if isStopped { timer.cancel() }
    }

    private func tick() {
        let start = state.withLock { state in
            if state.start != nil { state.calls += 1 }
            return state.start
        }
        start? { [self] outcome in
            if case .failure(let error) = outcome, !(error is CancellationError), !(error is LoopClosed) {
                Reporter.report(
                    .message(
                        "a periodic call on loop \"\(loop.name)\" failed: \(error.sentence) The next one comes at its time."
                    )
                )
            }
            scheduleNext()
        }
    }
}

extension Loop {
    /// Calls the closure over and over, first after one period.
    ///
    /// The period counts from start to start; when a call takes longer, the ticks it overran are skipped.
    ///
    /// - Executor: The closure runs on the loop.
    /// - Cancellation: `PeriodicCall.stop()`; the loop's stop ends the calls, too.
    /// - Parameters:
    ///   - period: More than zero.
    ///   - jitter: How far a step may differ from the period, as a part of it: 0.1 is five per cent to both sides.
    /// - Errors: ``InvalidPeriod``. What the closure throws is reported, and the calls go on.
    public func every(
        _ period: Duration,
        jitter: Double = 0,
        _ body: @escaping @Sendable () throws -> Void
    ) throws -> PeriodicCall {
        try PeriodicCall(on: self, period: period, jitter: jitter) { done in done(Result { try body() }) }
    }

    /// Calls the asynchronous closure over and over, first after one period; calls never overlap.
    ///
    /// - Executor: The closure starts in a task that prefers the loop.
    /// - Cancellation: `PeriodicCall.stop()` lets the running call end; the loop's stop ends the calls, too.
    /// - Parameters:
    ///   - period: More than zero, from start to start; ticks that a call overruns are skipped.
    ///   - jitter: As with the synchronous form.
    /// - Errors: ``InvalidPeriod``. What the closure throws is reported, and the calls go on.
    public func every(
        _ period: Duration,
        jitter: Double = 0,
        _ body: @escaping @Sendable () async throws -> Void
    ) throws -> PeriodicCall {
        try PeriodicCall(on: self, period: period, jitter: jitter) { [unowned self] done in
            Task(executorPreference: self as? any TaskExecutor) {
                let outcome: Result<Void, any Error>
                do { outcome = .success(try await body()) } catch { outcome = .failure(error) }
                self.post { done(outcome) }
            }
        }
    }

    /// Starts the operation over and over, first after one period; the next starts after the last has completed.
    ///
    /// - Executor: The closure runs on the loop.
    /// - Cancellation: `PeriodicCall.stop()` lets the running operation end; the loop's stop ends the calls, too.
    /// - Parameters:
    ///   - period: More than zero, from start to start; ticks that an operation overruns are skipped.
    ///   - jitter: As with the synchronous form.
    /// - Errors: ``InvalidPeriod``. What the closure throws and the operation's failure are reported; the calls go on.
    public func every(
        _ period: Duration,
        jitter: Double = 0,
        starting body: @escaping @Sendable () throws -> some Awaitable<Void>
    ) throws -> PeriodicCall {
        try PeriodicCall(on: self, period: period, jitter: jitter) { [unowned self] done in
            do {
                try body().callback(on: self) { outcome in done(outcome) }
            } catch {
                done(.failure(error))
            }
        }
    }
}
