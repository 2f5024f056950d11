// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import SignalBridge

/// The next element that is posted to a topic.
final class TopicArrivalSource: Source {
    static let name = "topic"

    private static let topic = "answers"

    private let registry: Registry<String, Int>
    private let early = Early()
    let subject: Call<Int>

    init(_ bench: Bench) {
        let registry = Registry<String, Int>(bench.label)
        self.registry = registry
        subject = Call(from: { [early] in early.future ?? registry.events(of: Self.topic).next().future() })
    }

    static var dropError: String { "SourceEnded" }
    /// It is another element, which nobody waits for.
    static var reportsSecond: Bool { false }
    var hasStarted: Bool { registry.handlerCount(of: Self.topic) == 1 }
    var wasStopped: Bool { registry.handlerCount(of: Self.topic) == 0 }

    func completeBefore(_ value: Int) {
        let arrival = subject.future()
        complete(.success(value))
        early.set(arrival)
    }

    func complete(_ outcome: Result<Int, any Error>) {
        switch outcome {
        case .success(let value): registry.post(value, to: Self.topic)
        case .failure(let error): registry.end(Self.topic, error)
        }
    }

    func drop() { registry.close() }
}
