// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// The shape of a legacy caller's callback, by name: how to call it with an outcome.
///
///     fetch(url).callback(on: loop, as: .valueOrError, completion)
///     save(text).callback(on: loop, as: .errorOnly) { error in … }
///
/// A shape that cannot say everything asks for what it lacks, like ``value(onError:)``, or reports the error that gets lost,
/// like ``void``. A shape of your own is a static member of an extension, made with ``init(_:)``. The shape `(Result)` is the
/// core's own verb, `callback(on:_:)`.
public struct OutgoingShape<Success: Sendable, Callback: Sendable>: Sendable {
    private let send: @Sendable (Callback, Result<Success, any Error>) -> Void

    /// Makes a shape.
    ///
    /// - Parameter call: Calls the callback, once, with the outcome.
    public init(
        _ call: @escaping @Sendable (_ callback: Callback, _ outcome: Result<Success, any Error>) -> Void
    ) {
        send = call
    }

    /// Calls a callback of this shape with an outcome.
    public func call(_ callback: Callback, with outcome: Result<Success, any Error>) { send(callback, outcome) }

    /// Tells of an error that the callback has no way to be told of.
    static func reportLoss(of error: any Error, shape: String) {
        if error is CancellationError { return }
        Reporter.report(
            .message(
                "an error was lost, because a callback of the shape \(shape) has no place for it: \(error.sentence) Hand the awaitable"
                    + " out in a shape with an error, or recover before."
            )
        )
    }
}

extension Awaitable where Success: Sendable {
    /// Calls a legacy caller's callback of the shape that is named, once.
    ///
    /// An async function is handed out in the same way: `Call { try await f() }` with its label `async:` is an awaitable.
    ///
    /// - Executor: `executor`, and never before this method has returned; without one, where the source completes, possibly
    ///   inside this method.
    /// - Cancellation: The legacy caller keeps the registration: `cancel()` answers `.stopped` if the callback will not be
    ///   called, and stops the source if nobody else observes it. The other way, a cancelled source calls with a
    ///   `CancellationError`.
    /// - Errors: If `executor` has stopped or throws the call away, the callback gets ``/Futures/LoopClosed``, elsewhere.
    @discardableResult
    public func callback<Callback: Sendable>(
        on executor: (any CallbackExecutor)? = nil,
        as shape: OutgoingShape<Success, Callback>,
        _ callback: Callback
    ) -> Registration {
        self.callback(on: executor) { outcome in shape.call(callback, with: outcome) }
    }
}
