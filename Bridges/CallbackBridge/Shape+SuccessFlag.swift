// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

// The shape `(Bool, Error?)`, whose flag says whether it went well. Where the flag is the answer to a question, the shape is
// `(T, Error?)`, of a promise of `Bool`.

extension Promise where Success == Void {
    /// Completes the promise from a callback of the shape `(Bool, Error?)`, whose flag says whether it went well.
    ///
    /// The error wins, also over true.
    ///
    /// - Cancellation: See ``complete(_:error:fileID:line:)``.
    /// - Errors: ``InvalidCallback`` for false without an error. A call beyond the first is absorbed and reported.
    @inlinable
    public func complete(
        successFlag: Bool,
        error: (any Error)?,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) {
        if !successFlag, error == nil { return failAsInvalid(.failureWithoutError, fileID: fileID, line: line) }
        complete(error: error, fileID: fileID, line: line)
    }

    /// The promise as a callback of the shape `(Bool, Error?)`, to pass on as it is. Thrown away uncalled it is a
    /// ``/Futures/BrokenPromise``.
    public func successFlagCallback(
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> @Sendable (Bool, (any Error)?) -> Void {
        { flag, error in self.complete(successFlag: flag, error: error, fileID: fileID, line: line) }
    }
}

extension IncomingShape where Success == Void, Callback == @Sendable (Bool, (any Error)?) -> Void {
    /// `(Bool, Error?)`: whether it went well, and if not, why.
    public static var successFlag: Self { Self { $0.successFlagCallback(fileID: $1, line: $2) } }
}

extension OutgoingShape where Callback == @Sendable (Bool, (any Error)?) -> Void {
    /// `(Bool, Error?)`: true and nil for any value, or false and the error.
    public static var successFlag: Self { Self { $0($1.error == nil, $1.error) } }
}
