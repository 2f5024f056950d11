// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

extension Task: Awaitable {
    /// Registers an observer of the task's outcome.
    ///
    /// - Executor: The observer runs on the global concurrent executor.
    /// - Cancellation: ``Registration/cancel()`` cancels the task; the observer has left by then.
    /// - Complexity: One task for each observer; use `future()` to share.
    public func observe(
        _ observer: @escaping @Sendable (Result<Success, any Error>) -> Void
    ) -> Registration {
        let future = future()
        return future.observe(observer)
    }

    /// A future of the task's outcome.
    ///
    /// - Cancellation: Cancelling the future cancels the task, which decides how it ends.
    public func future(fileID: StaticString = #fileID, line: UInt = #line) -> Future<Success> {
        let future = Future<Success>(_fileID: fileID, line: line)
        future._setCanceller {
            cancel()
            return .tooLate
        }
        Task<Void, Never>.detached { _ = future._complete(await result.mapError { $0 }) }
        return future
    }
}

extension Future {
    /// Starts an asynchronous operation in a new task; the future is its outcome.
    ///
    /// - Executor: The operation inherits what `Task { … }` inherits: task-locals and priority.
    /// - Cancellation: Cancelling the future cancels the task. The future ends as the task does: an operation that
    ///   ignores the cancellation still delivers its value.
    @discardableResult
    public convenience init(
        _ label: String? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ operation: sending @escaping () async throws -> Success
    ) {
        self.init(_fileID: fileID, line: line)
        let task = Task { [self] in
            do { _ = _complete(.success(try await operation())) } catch { _ = _complete(.failure(error)) }
        }
        if let label { _ = _changeExtras { $0.label = label } }
        _setCanceller {
            task.cancel()
            return .tooLate
        }
    }
}
