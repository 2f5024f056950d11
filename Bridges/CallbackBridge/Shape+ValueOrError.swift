// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

// The shapes `(T?, Error?)` and `(Error?, T?)`.

extension Promise {
    /// Completes the promise from a callback of the shape `(T?, Error?)`, or `(T, Error?)`.
    ///
    /// If both are there the error wins. A promise of an optional type takes nil without an error as its value.
    ///
    /// - Cancellation: A cancellation of the future reaches the legacy operation through `Promise.onCancel(_:)`, which
    ///   the author of the wrapper sets; without it the future ends cancelled at once and the operation's late call is
    ///   swallowed. The other way, an operation that reports its own cancellation does so as an error: pass a
    ///   `CancellationError` to make the future a cancelled one.
    /// - Errors: ``InvalidCallback`` when both are nil. A call beyond the first is absorbed and reported.
    @inlinable
    public func complete(
        _ value: Success?,
        error: (any Error)?,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) {
        if let error {
            fail(error, fileID: fileID, line: line)
        } else if let value = value ?? absence(of: Success.self) {
            succeed(value, fileID: fileID, line: line)
        } else {
            failAsInvalid(.neitherValueNorError, fileID: fileID, line: line)
        }
    }

    /// Completes the promise from a callback of the shape `(Error?, T?)`, or `(Error?, T)`.
    ///
    /// - Cancellation: See ``complete(_:error:fileID:line:)``.
    /// - Errors: See ``complete(_:error:fileID:line:)``.
    @inlinable
    public func complete(
        error: (any Error)?,
        value: Success?,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) {
        complete(value, error: error, fileID: fileID, line: line)
    }

    /// The promise as a callback of the shape `(T?, Error?)`, to pass on as it is. Thrown away uncalled it is a
    /// ``/Futures/BrokenPromise``.
    public func valueOrErrorCallback(
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> @Sendable (Success?, (any Error)?) -> Void {
        { value, error in self.complete(value, error: error, fileID: fileID, line: line) }
    }

    /// The promise as a callback of the shape `(Error?, T?)`, to pass on as it is. Thrown away uncalled it is a
    /// ``/Futures/BrokenPromise``.
    public func errorOrValueCallback(
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> @Sendable ((any Error)?, Success?) -> Void {
        { error, value in self.complete(value, error: error, fileID: fileID, line: line) }
    }

    /// Fails the promise because a callback was called in a way that has no meaning.
    @usableFromInline
    func failAsInvalid(_ reason: InvalidCallback.Reason, fileID: StaticString, line: UInt) {
        fail(InvalidCallback(reason, at: SourceSite(fileID: fileID, line: line)), fileID: fileID, line: line)
    }
}

extension IncomingShape where Callback == @Sendable (Success?, (any Error)?) -> Void {
    /// `(T?, Error?)`: one of the two; the error wins.
    public static var valueOrError: Self { Self { $0.valueOrErrorCallback(fileID: $1, line: $2) } }
}

extension IncomingShape where Callback == @Sendable ((any Error)?, Success?) -> Void {
    /// `(Error?, T?)`: one of the two; the error wins.
    public static var errorOrValue: Self { Self { $0.errorOrValueCallback(fileID: $1, line: $2) } }
}

extension OutgoingShape where Callback == @Sendable (Success?, (any Error)?) -> Void {
    /// `(T?, Error?)`: the value and nil, or nil and the error.
    public static var valueOrError: Self { Self { $0($1.value, $1.error) } }
}

extension OutgoingShape where Callback == @Sendable ((any Error)?, Success?) -> Void {
    /// `(Error?, T?)`: nil and the value, or the error and nil.
    public static var errorOrValue: Self { Self { $0($1.error, $1.value) } }
}

extension Result {
    /// The value of a success.
    var value: Success? { if case .success(let value) = self { value } else { nil } }
    /// The error of a failure.
    var error: Failure? { if case .failure(let error) = self { error } else { nil } }
}
