// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

// What a future can do with an outcome, of an operation that has not started: each run is treated so.

extension Call {
    /// The operation with another error in place of its own; still prepared, nothing runs.
    ///
    /// - Executor: `transform` runs where the run completes.
    /// - Cancellation: Cancelling a run cancels the operation. A cancellation is no failure and passes unchanged.
    /// - Errors: What `transform` returns.
    public func mapError(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ transform: @escaping @Sendable (any Error) -> any Error
    ) -> Call<Success> {
        Call(start: { start().mapError(fileID: fileID, line: line, transform) })
    }

    /// The operation with a value in place of its failure; still prepared, nothing runs.
    ///
    /// - Executor: `handler` runs where the run completes.
    /// - Cancellation: Cancelling a run cancels the operation. A cancelled run stays one: `handler` is not asked.
    /// - Errors: An error that `handler` throws replaces the operation's.
    public func recover(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ handler: @escaping @Sendable (any Error) throws -> Success
    ) -> Call<Success> {
        Call(start: { start().recover(fileID: fileID, line: line, handler) })
    }

    /// The operation, and another one where it fails; still prepared, nothing runs.
    ///
    /// - Executor: `handler` runs where the run completes, and starts the other operation there.
    /// - Cancellation: Cancelling a run cancels the operation that is under way.
    /// - Errors: The other operation's; an error that `handler` throws.
    public func recover(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        from handler: @escaping @Sendable (any Error) throws -> some Awaitable<Success>
    ) -> Call<Success> {
        Call(start: { start().recover(fileID: fileID, line: line, from: handler) })
    }

    /// The operation with something that runs however it ends; still prepared, nothing runs.
    ///
    /// - Executor: `body` runs where the run completes.
    /// - Cancellation: Cancelling a run cancels the operation, at whose end `body` runs.
    /// - Errors: The operation's; an error that `body` throws replaces the outcome.
    public func ensure(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: @escaping @Sendable () throws -> Void
    ) -> Call<Success> {
        Call(start: { start().ensure(fileID: fileID, line: line, body) })
    }

    /// The operation, which fails with ``ValidationFailed`` if its value does not satisfy `predicate`; still prepared.
    ///
    /// - Executor: `predicate` runs where the run completes.
    /// - Cancellation: Cancelling a run cancels the operation.
    /// - Errors: ``ValidationFailed``; an error that `predicate` throws; the operation's.
    public func validate(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ predicate: @escaping @Sendable (Success) throws -> Bool
    ) -> Call<Success> {
        Call(start: { start().validate(fileID: fileID, line: line, predicate) })
    }
}
