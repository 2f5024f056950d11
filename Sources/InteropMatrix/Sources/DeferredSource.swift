// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import DeferredBridge
import Futures

/// A Deferred with a stage behind it.
final class DeferredSource: Source {
    static let name = "Deferred"

    let subject: Deferred<Int>
    private let state = Lock<(fired: Deferred<Int>?, wasStopped: Bool)>((nil, false))

    init(_ bench: Bench) {
        let told = Told()
        let fired = Deferred<Int>(bench.label) { _ in told.source?.state.withLock { $0.wasStopped = true } }
        subject = fired.then { $0 }
        state.withLock { $0.fired = fired }
        told.set(self)
    }

    var wasStopped: Bool { state.withLock { $0.wasStopped } }

    func completeBefore(_ value: Int) throws { try complete(.success(value)) }

    func complete(_ outcome: Result<Int, any Error>) throws {
        guard let fired = state.withLock({ $0.fired }) else { return }
        switch outcome {
        case .success(let value): try fired.callback(value)
        case .failure(let error): try fired.errback(error)
        }
    }

    func drop() { _ = state.withLock { $0.fired.take() } }

    /// The source, for a canceller that is made before it.
    private final class Told: Sendable {
        private struct State { weak var source: DeferredSource? }
        private let state = Lock(State())
        var source: DeferredSource? { state.withLock { $0.source } }
        func set(_ source: DeferredSource) { state.withLock { $0.source = source } }
    }
}
