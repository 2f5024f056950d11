// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import QueueBridge
import SignalBridge

/// A queue, from which a task takes.
enum QueueSink: Sink {
    static let name = "queue"

    static func attach(_ subject: some Awaitable<Int>, _ probe: Probe) -> Attachment {
        let queue = Queue<Result<Int, any Error>>()
        let registration = subject.deliver(to: queue)
        let taker = LoopActor(probe.bench.loop)
        Task { await taker.receiveAll(of: queue, probe) }
        return Attachment(told: nil, end: { queue.close() }) { registration.cancel() }
    }
}

/// A topic, to which a handler on a loop listens.
enum TopicSink: Sink {
    static let name = "topic"

    static func attach(_ subject: some Awaitable<Int>, _ probe: Probe) -> Attachment {
        let registry = Registry<String, Result<Int, any Error>>()
        let handler = registry.events(of: "answer").subscribe(on: probe.bench.loop, { probe.receive($0) })
        let registration = subject.inContext(probe.bench.context).post(to: "answer", in: registry)
        // The registry lives as long as the consumer.
        return Attachment(told: nil, end: { _ = (registry, handler.cancel()) }) { registration.cancel() }
    }
}
