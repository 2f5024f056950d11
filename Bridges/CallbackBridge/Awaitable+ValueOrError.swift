// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

// The way back, shape `(T?, Error?)`. The shape `(Result)` is the core's own verb, `callback(on:)`.

extension Awaitable where Success: Sendable {
    /// Calls a legacy callback of the shape `(T?, Error?)` with the outcome, once.
    ///
    /// An async function is handed out in the same way: `Call { try await f() }` with its label `async:` is an awaitable.
    ///
    /// - Executor: `executor`; without one, where the source completes, possibly before this method returns.
    /// - Cancellation: The legacy caller keeps the registration: `cancel()` answers `.stopped` if the
    ///   callback will not be called, and stops the source if nobody else observes it. The other way, a cancelled source
    ///   calls with `(nil, CancellationError())`.
    @discardableResult
    public func callback(
        on executor: (any CallbackExecutor)? = nil,
        valueOrError body: @escaping @Sendable (Success?, (any Error)?) -> Void
    ) -> Registration {
        callback(on: executor) { outcome in
            switch outcome {
            case .success(let value): body(value, nil)
            case .failure(let error): body(nil, error)
            }
        }
    }
}
