// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import QueueBridge

/// A queue of outcomes, of which one is taken.
final class QueueSource: Source {
    static let name = "queue"

    private let queue: Queue<Result<Int, any Error>>
    let subject: Call<Int>

    init(_ bench: Bench) {
        let queue = Queue<Result<Int, any Error>>(bench.label)
        self.queue = queue
        subject = queue.get().map { try $0.get() }
    }

    static var dropError: String { "QueueClosed" }
    static var reportsSecond: Bool { false }

    var hasStarted: Bool { queue.description.contains("1 waiting to get") }
    /// It waits for an element no more.
    var wasStopped: Bool { queue.description.contains("0 waiting to get") }

    func completeBefore(_ value: Int) throws { try complete(.success(value)) }
    func complete(_ outcome: Result<Int, any Error>) throws { _ = try queue.tryPut(outcome) }
    func drop() { queue.close() }
}

/// A channel on which somebody receives.
final class ChannelSource: Source {
    static let name = "channel"

    private let channel: Channel<Int>
    let subject: Call<Int>

    init(_ bench: Bench) {
        channel = Channel<Int>(bench.label)
        subject = channel.receive()
    }

    deinit { channel.close() }

    static var dropError: String { "QueueClosed" }
    static var reportsSecond: Bool { false }

    var hasStarted: Bool { channel.balance < 0 }
    var wasStopped: Bool { channel.balance == 0 }

    func completeBefore(_ value: Int) { complete(.success(value)) }

    func complete(_ outcome: Result<Int, any Error>) {
        // A sender that nobody meets waits, until the channel is closed.
        switch outcome {
        case .success(let value): channel.send(value).callback { _ in }
        case .failure(let error): channel.send(error: error).callback { _ in }
        }
    }

    func drop() { channel.close() }
}
