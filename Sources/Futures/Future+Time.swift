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
    /// - Cancellation: Passes on to this future.
    public final func delivered(
        on executor: any CallbackExecutor, fileID: StaticString = #fileID, line: UInt = #line
    ) -> Future<Success> {
        let result = Future(_fileID: fileID, line: line)
        let registration = observe { outcome in
            executor.post { _ = result._complete(outcome) }
        }
        result._setCanceller { registration.cancel() }
        return result
    }

    /// This outcome, or ``TimedOut`` if it takes longer.
    ///
    /// - Executor: The timer runs on `loop`; by default on the current loop, or a background thread where there is none.
    ///   A future that is complete wins, also over a limit of zero.
    /// - Cancellation: Cancelling the result cancels this future, if nobody else observes it. The timeout does not, unless
    ///   `cancelling` (Tornado: with_timeout; a `Call`'s timeout does, it owns its run).
    /// - Errors: ``TimedOut``; a failure of this future that comes after the timeout goes to the ``Reporter``.
    public final func timeout(
        _ limit: Duration, on loop: (any Loop)? = nil, cancelling: Bool = false,
        fileID: StaticString = #fileID, line: UInt = #line
    ) -> Future<Success> {
        if isCompleted { return self }
        let loop = loop ?? CurrentLoop.currentOrBackground
        let result = Future(_fileID: fileID, line: line)
        let source = self
        let limited = Limited()
        let timer = loop.schedule(after: limit) {
            let error = TimedOut(after: limit, waitingFor: source._summary)
            guard result._complete(.failure(error)), cancelling else { return }
            limited.leave()
        }
        let registration = observe { outcome in
            timer.cancel()
            if !result._complete(outcome), case .failure(let error) = outcome, !(error is CancellationError) {
                Reporter.report(.unobservedFailure(error: error, created: nil, completed: nil))
            }
        }
        limited.registration(registration)
        result._setCanceller {
            timer.cancel()
            return registration.cancel()
        }
        return result
    }

    /// This future's value, a while later; failures pass at once.
    ///
    /// - Cancellation: During the pause it ends the pause.
    public final func delay(_ pause: Duration, on loop: (any Loop)? = nil) -> Future<Success> {
        flatMap { value in Future<Void>.sleep(for: pause, on: loop).map { value } }
    }

    /// This future, out of reach: cancelling the result leaves the source running.
    ///
    /// The shield stays an observer of the source, so that other consumers who leave do not cancel it either
    /// (asyncio: shield).
    public final var shielded: Future<Success> {
        let result = Future(_fileID: #fileID, line: #line)
        _ = observe { outcome in _ = result._complete(outcome) }
        return result
    }

    package final func _setCanceller(_ canceller: @escaping @Sendable () -> CancellationAnswer) {
        _ = _changeExtras { $0.canceller = canceller }
    }
}

extension Future where Success == Void {
    /// Completes after a while; zero still gives one turn of the loop (Tornado: sleep).
    ///
    /// - Executor: Completes on `loop`; by default on the current loop, or a background thread where there is none.
    /// - Cancellation: Removes the timer.
    /// - Errors: ``LoopClosed`` when the loop stops first.
    public static func sleep(
        for duration: Duration, on loop: (any Loop)? = nil, fileID: StaticString = #fileID, line: UInt = #line
    ) -> Future<Void> {
        let loop = loop ?? CurrentLoop.currentOrBackground
        return sleep(until: loop.now.advanced(by: duration), on: loop, fileID: fileID, line: line)
    }

    /// Completes at an instant of the loop's clock.
    public static func sleep(
        until deadline: LoopInstant, on loop: any Loop, fileID: StaticString = #fileID, line: UInt = #line
    ) -> Future<Void> {
        let result = Future<Void>(_fileID: fileID, line: line)
        let name = loop.name
        let closing = loop.whenClosed {
            _ = result._complete(.failure(LoopClosed(loop: name, operation: "a sleep")))
        }
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
private final class Limited: Sendable {
    private let state = Lock<(registration: Registration?, left: Bool)>((nil, false))

    func registration(_ registration: Registration) {
        let late = state.withLock { state in
            state.registration = registration
            return state.left
        }
        if late { registration.cancel() }
    }

    func leave() {
        let registration = state.withLock { state in
            state.left = true
            return state.registration
        }
        registration?.cancel()
    }
}
