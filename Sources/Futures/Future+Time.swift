// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

extension Future {
    /// A future without a promise, completed by the code that makes it: for producers that prove exactly-once themselves.
    @inlinable
    package static func pending(fileID: StaticString = #fileID, line: UInt = #line) -> Future<Success> {
        Future(_fileID: fileID, line: line)
    }

    /// This outcome, completed on an executor.
    ///
    /// - Executor: Observers of the result run on `executor`.
    /// - Cancellation: Passes on to this future.
    /// - Errors: ``LoopClosed`` if the executor has stopped by then.
    public final func delivered(
        on executor: any CallbackExecutor,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Future<Success> {
        let result = Future(_fileID: fileID, line: line)
        let registration = observe { outcome in
            let delivery = Delivery(of: outcome, to: result, on: executor._diagnosticName)
            if !ContextSnapshot.post({ delivery.arrive() }, to: executor) { delivery.refuse() }
        }
        result._takeLabel(of: self)
        result._setCanceller { registration.cancel() }
        return result
    }

    /// This outcome, or ``TimedOut`` if it takes longer.
    ///
    /// - Executor: The timer runs on `loop`; by default on the current loop, or a background thread where there is none.
    ///   A future that is complete wins, also over a limit of zero.
    /// - Cancellation: Cancelling the result cancels this future, if nobody else observes it. The timeout only leaves it,
    ///   unless `cancelling` (Tornado: with_timeout; a `Call`'s timeout does cancel, it owns its run).
    /// - Errors: ``TimedOut``; ``LoopClosed`` if the loop stops first. A failure of this future that comes later is
    ///   reported, if nobody else observes it.
    public final func timeout(
        _ limit: Duration,
        on loop: (any Loop)? = nil,
        cancelling: Bool = false,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Future<Success> {
        let loop = loop ?? CurrentLoop.currentOrBackground
        return timeout(
            at: loop.now.advanced(by: limit),
            on: loop,
            cancelling: cancelling,
            limit: limit,
            fileID: fileID,
            line: line
        )
    }

    /// This outcome, or ``TimedOut`` at an instant of the loop's clock, also one that has passed.
    ///
    /// Like the relative form in all else.
    public final func timeout(
        at deadline: LoopInstant,
        on loop: any Loop,
        cancelling: Bool = false,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Future<Success> {
        timeout(
            at: deadline,
            on: loop,
            cancelling: cancelling,
            limit: max(.zero, loop.now.duration(to: deadline)),
            fileID: fileID,
            line: line
        )
    }

    private final func timeout(
        at deadline: LoopInstant,
        on loop: any Loop,
        cancelling: Bool,
        limit: Duration,
        fileID: StaticString,
        line: UInt
    ) -> Future<Success> {
        if isCompleted { return self }
        let result = Future(_fileID: fileID, line: line)
        let limited = Limited(cancelling: cancelling)
        let name = loop.name
        let closing = loop.whenClosed {
            limited.leave { _ = result._fail(LoopClosed(loop: name, operation: "a timeout was pending")) }
        }
        let timer = loop.schedule(at: deadline) {
            closing.cancel()
            let error = TimedOut(after: limit, waitingFor: self._summary, cancelling: cancelling)
            limited.leave { _ = result._fail(error) }
        }
        let registration = observe { outcome in
            closing.cancel()
            timer.cancel()
            result._completeOrReport(outcome)
        }
        limited.registration(registration)
        result._takeLabel(of: self)
        result._setCanceller {
            closing.cancel()
            timer.cancel()
            return registration.cancel()
        }
        return result
    }

    /// This future's value, a while later; failures pass at once.
    ///
    /// - Executor: Completes on `loop`, a failure where this future does; by default on the loop that is current there, or a
    ///   background thread where there is none.
    /// - Cancellation: Reaches this future; during the pause it ends the pause.
    /// - Errors: This future's; ``LoopClosed`` when the loop stops during the pause.
    public final func delay(_ pause: Duration, on loop: (any Loop)? = nil) -> Future<Success> {
        flatMap { value in Future<Void>.sleep(for: pause, on: loop).map { value } }
    }

    /// This future, out of reach: cancelling the result leaves the source running.
    ///
    /// The shield stays an observer of the source, so that other consumers who leave do not cancel it either
    /// (asyncio: shield).
    public final var shielded: Future<Success> {
        let result = Future(_fileID: #fileID, line: #line)
        #if DEBUG
        result._created = _created
        #endif
        result._takeLabel(of: self)
        _ = observe { outcome in result._completeOrReport(outcome) }
        return result
    }

    package final func _setCanceller(_ canceller: @escaping @Sendable () -> CancellationAnswer) {
        guard _install(canceller: canceller) == .late else { return }
        if canceller() == .stopped { _ = _completeCancelled() }
    }

    /// Completes a result that may have ended already, because of a deadline or of a consumer that left: then a failure
    /// has nobody else who would tell of it.
    final func _completeOrReport(_ outcome: Result<Success, any Error>) {
        guard !_complete(outcome), case .failure(let error) = outcome, !(error is CancellationError) else { return }
        Reporter.report(.unobservedFailure(error: error, label: nil, created: _creationSite, completed: nil))
    }
}

extension Future where Success == Void {
    /// Completes after a while; zero still gives one turn of the loop (Tornado: sleep).
    ///
    /// - Executor: Completes on `loop`; by default on the current loop, or a background thread where there is none.
    /// - Cancellation: Removes the timer.
    /// - Errors: ``LoopClosed`` when the loop stops first.
    public static func sleep(
        for duration: Duration,
        on loop: (any Loop)? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Future<Void> {
        let loop = loop ?? CurrentLoop.currentOrBackground
        return sleep(until: loop.now.advanced(by: duration), on: loop, fileID: fileID, line: line)
    }

    /// Completes at an instant of the loop's clock; in the next turn if that has passed.
    ///
    /// - Executor: Completes on `loop`.
    /// - Cancellation: Removes the timer.
    /// - Errors: ``LoopClosed`` when the loop stops first.
    /// - Complexity: O(log n) in the loop's timers.
    public static func sleep(
        until deadline: LoopInstant,
        on loop: any Loop,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Future<Void> {
        let result = Future<Void>(_fileID: fileID, line: line)
        let name = loop.name
        let closing = loop.whenClosed {
            _ = result._complete(.failure(LoopClosed(loop: name, operation: "a sleep")))
        }
        if result.isCompleted { return result }
        let timer = loop.schedule(at: deadline) {
            closing.cancel()
            _ = result._complete(.success(()))
        }
        result._setCanceller {
            closing.cancel()
            timer.cancel()
            return .stopped
        }
        return result
    }
}

/// The registration of a timeout, which the timer may need before it is there.
///
/// The source decides what has come first: once it has called, or is about to, its outcome is the result's, so that no value
/// is lost between the two (T24).
private final class Limited: Sendable {
    private struct State {
        var registration: Registration?
        var end: (@Sendable () -> Void)?
    }

    private let state = Lock(State())
    private let cancelling: Bool

    init(cancelling: Bool) { self.cancelling = cancelling }

    func registration(_ registration: Registration) {
        let end = state.withLock { state in
            state.registration = registration
            return state.end
        }
        if let end { leave(registration, end) }
    }

    /// Leaves the source, and ends the result if the source lets go.
    func leave(_ end: @escaping @Sendable () -> Void) {
        let registration = state.withLock { state in
            state.end = end
            return state.registration
        }
        if let registration { leave(registration, end) }
    }

    private func leave(_ registration: Registration, _ end: @Sendable () -> Void) {
        if cancelling ? registration.cancel() == .stopped : registration.withdraw() { end() }
    }
}
