// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

extension Awaitable where Success: Sendable {
    /// A future of this outcome: one registration at the source, shared by all who observe the future. Of a ``Call`` it is
    /// a new run.
    ///
    /// - Cancellation: Cancelling the future cancels the registration; the source's cancellation arrives as the outcome.
    public func future(fileID: StaticString = #fileID, line: UInt = #line) -> Future<Success> {
        if let future = _ownFuture { return future }
        if let prepared = self as? any _Prepared {
            // A run is a future already; one more would know neither its label nor its place.
            // SAFETY: the contract of `_startRun`.
            return unsafe unsafeDowncast(prepared._startRun(), to: Future<Success>.self)
        }
        let future = Future<Success>(_fileID: fileID, line: line)
        let registration = observe { outcome in _ = future._complete(outcome) }
        future._setCanceller { registration.cancel() }
        return future
    }

    /// Calls back with the outcome.
    ///
    /// - Executor: `executor`; without one, where the source completes. A callback on an executor has a clean stack: it
    ///   never runs before this method has returned (Promises/A+ 2.2.4).
    /// - Cancellation: ``Registration/cancel()`` leaves the source, and stops it if nobody else observes it.
    /// - Errors: What the callback throws goes to the ``Reporter``. If `executor` has stopped, the callback gets
    ///   ``LoopClosed`` where the source completes; if it is released unstopped before it came to the callback, elsewhere.
    @discardableResult
    public func callback(
        on executor: (any CallbackExecutor)? = nil,
        _ body: @escaping @Sendable (Result<Success, any Error>) throws -> Void
    ) -> Registration {
        guard let executor else { return future()._observe(body) }
        return future()._observe { outcome in
            let delivery = CallbackDelivery(of: outcome, to: body, on: executor._diagnosticName)
            if !ContextSnapshot.post({ delivery.arrive() }, to: executor) { delivery.refuse() }
        }
    }
}

extension Future {
    /// Calls back with the outcome, where the future completes.
    ///
    /// - Complexity: The first observer of a future allocates nothing.
    @inlinable
    @discardableResult
    public final func callback(
        _ body: @escaping @Sendable (Result<Success, any Error>) throws -> Void
    ) -> Registration {
        _observe(body)
    }
}
