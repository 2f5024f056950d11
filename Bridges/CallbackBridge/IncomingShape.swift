// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// The shape of a legacy callback, by name: how to make one that completes a promise.
///
///     Call<String>(callback: .valueOrError) { callback in legacyGet(url, callback) }
///
/// The name decides, never the type of the legacy function: `(Error?)` would fit `(T?)` as well, and take every failure for
/// a value. A shape of your own is a static member of an extension, made with ``init(_:)``.
public struct IncomingShape<Success: Sendable, Callback: Sendable>: Sendable {
    private let factory: @Sendable (Promise<Success>, StaticString, UInt) -> Callback

    /// Makes a shape.
    ///
    /// - Parameter makeCallback: Makes a callback that owns the promise and completes it at its first call; file and line
    ///   are those of the wrapper, for diagnostics.
    public init(
        _ makeCallback:
            @escaping @Sendable (
                _ promise: Promise<Success>, _ fileID: StaticString, _ line: UInt
            ) -> Callback
    ) {
        factory = makeCallback
    }

    /// A callback of this shape, to pass on as it is. Thrown away uncalled it is a ``/Futures/BrokenPromise``.
    public func callback(
        for promise: Promise<Success>,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Callback {
        factory(promise, fileID, line)
    }
}
