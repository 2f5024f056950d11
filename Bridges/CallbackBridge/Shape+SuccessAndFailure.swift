// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

// A pair of closures, `(T)` for the success and `(Error)` for the failure.

/// The two callbacks of an API that has one for each outcome.
public typealias SuccessAndFailureCallbacks<Success: Sendable> = (
    success: @Sendable (Success) -> Void, failure: @Sendable (any Error) -> Void
)

extension Promise {
    /// The promise as two callbacks, one for each outcome, to pass on as they are.
    ///
    /// They share the promise: the first call of either decides, and only when both are thrown away uncalled it is a
    /// ``/Futures/BrokenPromise``. A closure of one's own completes with `succeed(_:)` or `fail(_:)`.
    ///
    /// - Cancellation: See ``complete(_:error:fileID:line:)``.
    /// - Errors: A call beyond the first, of either, is absorbed and reported.
    public func successAndFailureCallbacks(
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> SuccessAndFailureCallbacks<Success> {
        (
            success: { value in self.succeed(value, fileID: fileID, line: line) },
            failure: { error in self.fail(error, fileID: fileID, line: line) }
        )
    }
}

extension IncomingShape where Callback == SuccessAndFailureCallbacks<Success> {
    /// Two callbacks, `(T)` and `(Error)`, of which one is called.
    public static var successAndFailure: Self { Self { $0.successAndFailureCallbacks(fileID: $1, line: $2) } }
}

extension Awaitable where Success: Sendable {
    /// Calls one of a legacy caller's two callbacks, once.
    ///
    /// - Executor: As of ``callback(on:as:_:)``, also in what follows.
    /// - Cancellation: As there; a cancelled source calls `failure`.
    /// - Errors: As there.
    @discardableResult
    public func callback(
        on executor: (any CallbackExecutor)? = nil,
        success: @escaping @Sendable (Success) -> Void,
        failure: @escaping @Sendable (any Error) -> Void
    ) -> Registration {
        callback(on: executor) { outcome in
            switch outcome {
            case .success(let value): success(value)
            case .failure(let error): failure(error)
            }
        }
    }
}
