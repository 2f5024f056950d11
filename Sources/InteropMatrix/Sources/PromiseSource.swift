// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// A placeholder: a promise, and its future.
final class PromiseSource: Source {
    static let name = "promise"

    let subject: Future<Int>
    private let state: Lock<(promise: Promise<Int>?, wasStopped: Bool)>

    init(_ bench: Bench) {
        let promise = Promise<Int>(bench.label)
        subject = promise.future
        state = Lock((promise, false))
        promise.onCancel { [weak self] in self?.state.withLock { $0.wasStopped = true } }
    }

    var wasStopped: Bool { state.withLock { $0.wasStopped } }

    func completeBefore(_ value: Int) throws { try complete(.success(value)) }

    func complete(_ outcome: Result<Int, any Error>) throws {
        state.withLock { $0.promise }?.complete(with: outcome)
    }

    func drop() { _ = state.withLock { $0.promise.take() } }
}
