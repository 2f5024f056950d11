// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

// The shape `()`.

extension Promise where Success == Void {
    /// Completes the promise from a callback of the shape `()`.
    ///
    /// - Cancellation: See ``complete(_:error:fileID:line:)``.
    /// - Errors: A call beyond the first is absorbed and reported.
    @inlinable
    public func complete(fileID: StaticString = #fileID, line: UInt = #line) {
        succeed((), fileID: fileID, line: line)
    }

    /// The promise as a callback of the shape `()`, to pass on as it is. Thrown away uncalled it is a
    /// ``/Futures/BrokenPromise``.
    public func voidCallback(fileID: StaticString = #fileID, line: UInt = #line) -> @Sendable () -> Void {
        { self.complete(fileID: fileID, line: line) }
    }
}

extension IncomingShape where Success == Void, Callback == @Sendable () -> Void {
    /// `()`: it is done.
    public static var void: Self { Self { $0.voidCallback(fileID: $1, line: $2) } }
}

extension OutgoingShape where Callback == @Sendable () -> Void {
    /// `()`: it has ended, well or not. An error goes to the ``/Futures/Reporter``.
    public static var void: Self {
        Self { callback, outcome in
            if let error = outcome.error { reportLoss(of: error, shape: "()") }
            callback()
        }
    }
}
