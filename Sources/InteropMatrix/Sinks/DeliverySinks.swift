// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import QueueBridge

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
