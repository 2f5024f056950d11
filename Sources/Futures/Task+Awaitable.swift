// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

extension Task: Awaitable {
    /// Registers an observer of the task's outcome.
    ///
    /// - Executor: The observer runs on the global concurrent executor.
    /// - Cancellation: A task belongs to whoever has its handle, so leaving it, also as the last one, does not cancel it:
    ///   use `cancel()`.
    /// - Complexity: One task for each observer; use `future()` to share.
    public func observe(
        _ observer: @escaping @Sendable (Result<Success, any Error>) -> Void
    ) -> Registration {
        let future = future()
        return future.observe(observer)
    }

    /// A future of the task's outcome.
    ///
    /// - Cancellation: Cancelling this very future cancels the task, which decides how it ends. Its consumers only leave:
    ///   a cancelled `wait()`, a `race` that was lost, or a derived future that is cancelled leaves the task running, as
    ///   `await task.value` does.
    public func future(fileID: StaticString = #fileID, line: UInt = #line) -> Future<Success> {
        let future = Future<Success>(_fileID: fileID, line: line)
        future._setCanceller {
            cancel()
            return .tooLate
        }
        // Each call makes a future of its own, so no future sees who else waits for the task.
        _ = future._attach(Bystander(), observing: false)
        Task<Void, Never>.detached { _ = future._complete(await result.mapError { $0 }) }
        return future
    }
}

/// What is cancelled by its handle only, for who has been given that.
package protocol _Handle: Sendable {
    func _cancel()
}

extension Task: _Handle {
    package func _cancel() { cancel() }
}

/// An observer that stays, so that nobody who leaves is the last.
// SAFETY: no state.
private final class Bystander: _Node, @unchecked Sendable {}

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
