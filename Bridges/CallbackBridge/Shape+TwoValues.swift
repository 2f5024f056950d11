// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

// The shape `(T1?, T2?, Error?)`, of a promise of a pair.

extension Promise {
    /// Completes the promise of a pair from a callback of the shape `(T1?, T2?, Error?)`.
    ///
    /// The error wins. Both values are needed; one of an optional type takes nil as its value.
    ///
    /// - Cancellation: See ``complete(_:error:fileID:line:)``.
    /// - Errors: ``InvalidCallback`` if a value is missing without an error. A call beyond the first is absorbed and
    ///   reported.
    @inlinable
    public func complete<First: Sendable, Second: Sendable>(
        _ first: First?,
        _ second: Second?,
        error: (any Error)?,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) where Success == (First, Second) {
        switch (first ?? absence(of: First.self), second ?? absence(of: Second.self), error) {
        case (_, _, let error?): fail(error, fileID: fileID, line: line)
        case (let first?, let second?, nil): succeed((first, second), fileID: fileID, line: line)
        case (nil, nil, nil): failAsInvalid(.neitherValueNorError, fileID: fileID, line: line)
        case (let first, _, nil):
            failAsInvalid(.missingValue(number: first == nil ? 1 : 2), fileID: fileID, line: line)
        }
    }

    /// The promise of a pair as a callback of the shape `(T1?, T2?, Error?)`, to pass on as it is. Thrown away uncalled it is
    /// a ``/Futures/BrokenPromise``.
    public func twoValuesOrErrorCallback<First: Sendable, Second: Sendable>(
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> @Sendable (First?, Second?, (any Error)?) -> Void where Success == (First, Second) {
        { first, second, error in self.complete(first, second, error: error, fileID: fileID, line: line) }
    }
}

extension IncomingShape {
    /// `(T1?, T2?, Error?)`: both values, or an error, which wins.
    public static func twoValuesOrError<First: Sendable, Second: Sendable>() -> Self
    where Success == (First, Second), Callback == @Sendable (First?, Second?, (any Error)?) -> Void {
        Self { $0.twoValuesOrErrorCallback(fileID: $1, line: $2) }
    }
}

extension OutgoingShape {
    /// `(T1?, T2?, Error?)`: both values and nil, or nil twice and the error.
    public static func twoValuesOrError<First: Sendable, Second: Sendable>() -> Self
    where Success == (First, Second), Callback == @Sendable (First?, Second?, (any Error)?) -> Void {
        Self { $0($1.value?.0, $1.value?.1, $1.error) }
    }
}
