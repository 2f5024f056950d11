// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Switchyard

/// The four ways to use a prepared call. Each starts a run of its own.
public enum Style: String, CaseIterable, Sendable {
    case callback, future, await, wait

    /// Starts the call in this style.
    ///
    /// - Parameter loop: Where the greenlet runs: the very loop that drives the C library, which its wait does not stop.
    /// - Returns: What the style came to.
    public func start<Value: Sendable>(_ call: Call<Value>, on loop: IOLoop) -> Future<Value> {
        switch self {
        case .callback:
            let promise = Promise<Value>()
            call.callback { outcome in promise.complete(with: outcome) }
            return promise.future
        case .future: return call.future()
        case .await: return Task { try await call.value }.future()
        case .wait: return Greenlet.spawn(on: loop) { try call.wait() }.future()
        }
    }
}
