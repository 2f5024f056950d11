// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

// The shape `(Error?)`. It fits `(T?)` as well, so only a promise of nothing has it.

extension Promise where Success == Void {
    /// Completes the promise from a callback of the shape `(Error?)`: nil is the success.
    ///
    /// - Cancellation: See ``complete(_:error:fileID:line:)``.
    /// - Errors: The error that was passed. A call beyond the first is absorbed and reported.
    @inlinable
    public func complete(error: (any Error)?, fileID: StaticString = #fileID, line: UInt = #line) {
        complete((), error: error, fileID: fileID, line: line)
    }

    /// The promise as a callback of the shape `(Error?)`, to pass on as it is. Thrown away uncalled it is a
    /// ``/Futures/BrokenPromise``.
    public func errorOnlyCallback(
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> @Sendable ((any Error)?) -> Void {
        { error in self.complete(error: error, fileID: fileID, line: line) }
    }
}

extension IncomingShape where Success == Void, Callback == @Sendable ((any Error)?) -> Void {
    /// `(Error?)`: nil is the success.
    public static var errorOnly: Self { Self { $0.errorOnlyCallback(fileID: $1, line: $2) } }
}

extension OutgoingShape where Callback == @Sendable ((any Error)?) -> Void {
    /// `(Error?)`: the error, or nil for any value.
    public static var errorOnly: Self { Self { $0($1.error) } }
}
