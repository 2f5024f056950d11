// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CallbackBridge
import Futures

/// A legacy function with a callback of the shape `(T?, Error?)`.
final class CallbackSource: Source {
    static let name = "callback"

    private let legacy = Legacy<@Sendable (Int?, (any Error)?) -> Void>()
    let subject: Call<Int>

    init(_ bench: Bench) {
        subject = Call(bench.label) { [legacy] done in
            let callback = done.valueOrErrorCallback()
            done.onCancel { legacy.stop() }
            if let early = legacy.start(callback) { callback(early, nil) }
        }
    }

    var hasStarted: Bool { legacy.hasStarted }
    var wasStopped: Bool { legacy.wasStopped }

    func completeBefore(_ value: Int) { legacy.answer(atOnce: value) }

    func complete(_ outcome: Result<Int, any Error>) {
        guard let callback = legacy.callback else { return }
        switch outcome {
        case .success(let value): callback(value, nil)
        case .failure(let error): callback(nil, error)
        }
    }

    func drop() { legacy.forget() }
}

/// A legacy service that keeps the callback it is given.
final class Legacy<Callback: Sendable>: Sendable {
    private struct State {
        var callback: Callback?
        var early: Int?
        var hasStarted = false
        var wasStopped = false
    }

    private let state = Lock(State())

    var callback: Callback? { state.withLock { $0.callback } }
    var hasStarted: Bool { state.withLock { $0.hasStarted } }
    var wasStopped: Bool { state.withLock { $0.wasStopped } }

    /// - Returns: What is to be answered at once.
    func start(_ callback: Callback) -> Int? {
        state.withLock { state in
            state.hasStarted = true
            state.callback = callback
            return state.early
        }
    }

    /// It answers in the initiating call.
    func answer(atOnce value: Int) { state.withLock { $0.early = value } }

    func stop() { state.withLock { $0.wasStopped = true } }

    /// Throws the callback away.
    func forget() {
        let callback = state.withLock { $0.callback.take() }
        _ = consume callback
    }
}
