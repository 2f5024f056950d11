// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

// The shape `(Result<T, E>)`.

extension Promise {
    /// Completes the promise from a callback of the shape `(Result)`.
    ///
    /// - Cancellation: See ``complete(_:error:fileID:line:)``.
    /// - Errors: A call beyond the first is absorbed and reported; after an accepted cancellation it is forgiven once.
    @inlinable
    public func complete(
        result: Result<Success, some Error>,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) {
        switch result {
        case .success(let value): succeed(value, fileID: fileID, line: line)
        case .failure(let error): fail(error, fileID: fileID, line: line)
        }
    }

    /// The promise as a callback of the shape `(Result)`, to pass on as it is; the legacy function decides the type of its
    /// errors. Thrown away uncalled it is a ``/Futures/BrokenPromise``.
    public func resultCallback<Failure: Error>(
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> @Sendable (Result<Success, Failure>) -> Void {
        { result in self.complete(result: result, fileID: fileID, line: line) }
    }
}

extension IncomingShape where Callback == @Sendable (Result<Success, any Error>) -> Void {
    /// `(Result<T, any Error>)`.
    public static var result: Self { Self { $0.resultCallback(fileID: $1, line: $2) } }
}

extension IncomingShape {
    /// `(Result<T, E>)`, of an API that names the type of its errors.
    public static func result<Failure: Error>(failure: Failure.Type) -> Self
    where Callback == @Sendable (Result<Success, Failure>) -> Void {
        Self { $0.resultCallback(fileID: $1, line: $2) }
    }
}
