// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

// The shape `(T?, Error?)`.

extension Promise {
    /// Completes the promise from a callback of the shape `(T?, Error?)`.
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
        } else if let value {
            succeed(value, fileID: fileID, line: line)
        } else {
            let site = SourceSite(fileID: fileID, line: line)
            fail(InvalidCallback(.neitherValueNorError, at: site), fileID: fileID, line: line)
        }
    }

    /// The promise as a callback of the shape `(T?, Error?)`, to pass on as it is. Thrown away uncalled it is a
    /// ``/Futures/BrokenPromise``.
    public func valueOrErrorCallback(
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> @Sendable (Success?, (any Error)?) -> Void {
        { value, error in self.complete(value, error: error, fileID: fileID, line: line) }
    }
}
