// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

// The shapes `(T, Error?)` and `(Error?, T)`: the value is always there, and means nothing next to an error. A closure of
// one's own completes with `complete(_:error:)` and `complete(error:value:)`.

extension Promise {
    /// The promise as a callback of the shape `(T, Error?)`, to pass on as it is; the error wins. Thrown away uncalled it is
    /// a ``/Futures/BrokenPromise``.
    public func valueAndErrorCallback(
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> @Sendable (Success, (any Error)?) -> Void {
        { value, error in self.complete(value, error: error, fileID: fileID, line: line) }
    }

    /// The promise as a callback of the shape `(Error?, T)`, to pass on as it is; the error wins. Thrown away uncalled it is
    /// a ``/Futures/BrokenPromise``.
    public func errorAndValueCallback(
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> @Sendable ((any Error)?, Success) -> Void {
        { error, value in self.complete(value, error: error, fileID: fileID, line: line) }
    }
}

extension IncomingShape where Callback == @Sendable (Success, (any Error)?) -> Void {
    /// `(T, Error?)`: the value, unless there is an error.
    ///
    /// Of a `Call<Bool>` the flag is the answer, and false without an error a value; see ``successFlag`` for a flag that says
    /// whether there is an error.
    public static var valueAndError: Self { Self { $0.valueAndErrorCallback(fileID: $1, line: $2) } }
}

extension IncomingShape where Callback == @Sendable ((any Error)?, Success) -> Void {
    /// `(Error?, T)`: the value, unless there is an error.
    public static var errorAndValue: Self { Self { $0.errorAndValueCallback(fileID: $1, line: $2) } }
}

extension OutgoingShape where Callback == @Sendable (Success, (any Error)?) -> Void {
    /// `(T, Error?)`: the value and nil, or the placeholder and the error.
    public static func valueAndError(placeholder: Success) -> Self {
        Self { $0($1.value ?? placeholder, $1.error) }
    }
}

extension OutgoingShape where Callback == @Sendable ((any Error)?, Success) -> Void {
    /// `(Error?, T)`: nil and the value, or the error and the placeholder.
    public static func errorAndValue(placeholder: Success) -> Self {
        Self { $0($1.error, $1.value ?? placeholder) }
    }
}
