// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CallbackBridge
import Futures

/// An object that tells a delegate, which it keeps.
final class DelegateSource: Source {
    static let name = "delegate"

    private final class Delegate: Sendable {
        let done: DelegatePromise<Int>
        init(_ done: DelegatePromise<Int>) { self.done = done }
    }

    private let legacy = Legacy<Delegate>()
    let subject: Call<Int>

    init(_ bench: Bench) {
        subject = Call(bench.label, delegate: { Delegate($0) }, keptBy: .source) { [legacy] delegate in
            if let early = legacy.start(delegate) { delegate.done.succeed(early) }
            return legacy
        } cancel: { legacy in
            legacy.stop()
        }
    }

    var hasStarted: Bool { legacy.hasStarted }
    var wasStopped: Bool { legacy.wasStopped }

    func completeBefore(_ value: Int) { legacy.answer(atOnce: value) }

    func complete(_ outcome: Result<Int, any Error>) {
        guard let done = legacy.callback?.done else { return }
        switch outcome {
        case .success(let value): done.succeed(value)
        case .failure(is CancellationError): done.cancel()
        case .failure(let error): done.fail(error)
        }
    }

    func drop() { legacy.forget() }
}
