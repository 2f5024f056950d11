// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import QueueBridge
import Testing

@Suite("Channels") struct ChannelTests {
    @Test("V25: a send waits until its element is taken, and so the other way round")
    func rendezvous() throws {
        let loop = VirtualLoop()
        let channel = Channel<String>("talk")
        let log = Log<String>()
        let sender = Greenlet.spawn(on: loop) {
            log.add("sending")
            try channel.send("hello").wait()
            log.add("sent hello")
            try channel.send("world").wait()
            log.add("sent world")
        }
        try loop.runUntilIdle()
        #expect(log.all == ["sending"])
        #expect(channel.balance == 1)
        let receiver = Greenlet.spawn(on: loop) {
            log.add(try channel.receive().wait())
            log.add(try channel.receive().wait())
        }
        try loop.runUntilIdle()
        #expect(log.all == ["sending", "hello", "sent hello", "world", "sent world"])
        #expect(sender.isDead && receiver.isDead && channel.balance == 0)
        let first = channel.receive().future()
        #expect(channel.balance == -1)
        #expect(channel.send("mirrored").future().isCompleted && first.now == "mirrored")
    }

    @Test("S6: with nobody on the other side an operation waits; the balance says how many do; they meet in order")
    func balance() {
        let channel = Channel<Int>()
        let sends = (1...3).map { channel.send($0).future() }
        #expect(channel.balance == 3)
        sends[1].cancel()
        #expect(channel.balance == 2)
        #expect((1...2).map { _ in channel.receive().future().now } == [1, 3])
        let receives = (1...2).map { _ in channel.receive().future() }
        #expect(channel.balance == -2)
        receives[0].cancel()
        #expect(channel.send(4).future().isCompleted && receives[1].now == 4)
        #expect("\(channel)" == "a channel of Int: 0 waiting to send, 0 to receive")
    }

    @Test(
        "V25: the blocking form of a send waits as the call does, in a greenlet and on a thread, and sends nothing when time is up"
    )
    func blockingSend() async throws {
        let loop = VirtualLoop()
        let channel = Channel<Int>("blocking")
        let sender = Greenlet.spawn(on: loop) { () -> String in
            try channel.waitSend(1)
            do { try channel.waitSend(2, timeout: .seconds(1)) } catch let error as TimedOut { return "\(error)" }
            return "sent"
        }
        try loop.runUntilIdle()
        #expect(channel.balance == 1)
        #expect(try channel.tryReceive() == 1)
        try loop.advance(by: .seconds(2))
        #expect(channel.balance == 0)
        #expect(try await sender.value.contains("a send on channel \"blocking\""))
        let received = channel.receive().future()
        try await onThread { try channel.waitSend(3) }
        #expect(received.now == 3)
        channel.close()
        await #expect(throws: QueueClosed.self) { try await onThread { try channel.waitSend(4) } }
    }

    @Test("S6: the forms that do not wait do nothing when nobody waits")
    func withoutWaiting() throws {
        let channel = Channel<Int>()
        #expect(try !channel.trySend(1))
        #expect(try channel.tryReceive() == nil)
        let receive = channel.receive().future()
        #expect(try channel.trySend(1) && receive.now == 1)
        let send = channel.send(2).future()
        #expect(try channel.tryReceive() == 2 && send.isCompleted)
    }

    @Test(
        "S6: when two greenlets meet, the preferred one runs at once and the other after those who are ready",
        arguments: [
            (
                ChannelPreference.receiver, ["received 1", "bystander", "sent 1"],
                ["received 2", "bystander", "sent 2"]
            ),
            (.sender, ["sent 1", "bystander", "received 1"], ["sent 2", "bystander", "received 2"]),
            (.neither, ["bystander", "received 1", "sent 1"], ["bystander", "sent 2", "received 2"]),
        ]
    )
    func preference(_ preference: ChannelPreference, _ receiverWaits: [String], _ senderWaits: [String]) throws {
        let loop = VirtualLoop()
        let log = Log<String>()
        for (first, expected) in [("receiver", receiverWaits), ("sender", senderWaits)] {
            let channel = Channel<Int>()
            channel.preference = preference
            let number = first == "receiver" ? 1 : 2
            let isReceiverFirst = first == "receiver"
            let before = log.count
            for receives in [isReceiverFirst, !isReceiverFirst] {
                Greenlet.spawn(on: loop) {
                    if receives { return log.add("received \(try channel.receive().wait())") }
                    try channel.send(number).wait()
                    log.add("sent \(number)")
                }
                if receives == isReceiverFirst { try loop.runUntilIdle() }
            }
            Greenlet.spawn(on: loop) { log.add("bystander") }
            try loop.runUntilIdle()
            #expect(Array(log.all.dropFirst(before)) == expected)
        }
        loop.stop()
    }

    @Test("S7: an error that is sent is thrown at one receiver; a sequence answers how many were received")
    func errorsAndSequences() async throws {
        let channel = Channel<Int>()
        let receives = (1...2).map { _ in channel.receive().future() }
        channel.send(error: Oops()).callback { _ in }
        #expect(receives[0].failure is Oops && !receives[1].isCompleted)
        receives[1].cancel()
        let count = channel.send(contentsOf: [1, 2, 3]).future()
        #expect(try await channel.receive().value == 1)
        #expect(try await channel.receive().value == 2)
        #expect(await eventually { channel.balance == 1 })
        channel.close()
        #expect(try await count.value == 2)
    }

    @Test("S8: a closed channel refuses all, wakes whoever waits, and ends iterations")
    func closing() async throws {
        let channel = Channel<Int>("done")
        let receive = channel.receive().future()
        let iterating = Task { try await channel.reduce(0, +) }
        #expect(await eventually { channel.balance == -2 })
        channel.close()
        #expect(receive.failure is QueueClosed && channel.isClosed)
        #expect(try await iterating.value == 0)
        #expect(channel.send(1).future().failure is QueueClosed)
        #expect(throws: QueueClosed.self) { try channel.trySend(1) }
        #expect(throws: QueueClosed.self) { try channel.tryReceive() }
        #expect(try await onThread { try channel.waitNext() } == nil)
        let other = Channel<Int>()
        let send = other.send(1).future()
        other.close()
        #expect(send.failure is QueueClosed)
    }

    @Test("S9: channels work across threads, and wake the other scheduler", .timeLimit(.minutes(1)))
    func acrossLoops() async throws {
        let channel = Channel<Int>()
        let count = scaled(2_000)
        let sender = Greenlet.spawn { for n in 0..<count { try channel.send(n).wait() } }
        let sum = try await onThread { try (0..<count).reduce(0) { sum, _ in try sum + channel.receive().wait() } }
        #expect(sum == count * (count - 1) / 2)
        try await sender.value
    }

    @Test("T24: senders and receivers that leave at the moment they meet lose nothing", .timeLimit(.minutes(1)))
    func leaving() async throws {
        let channel = Channel<Int>()
        let count = scaled(10_000)
        let sent = Log<Int>()
        let received = Log<Int>()
        async let sending: Void = onThread {
            for n in 0..<count {
                let registration = channel.send(n).future().observe { if case .success = $0 { sent.add(n) } }
                if n % 3 == 0 { registration.cancel() }
            }
        }
        async let receiving: Void = onThread {
            for n in 0..<count {
                let registration = channel.receive().future().observe {
                    if case .success(let n) = $0 { received.add(n) }
                }
                if n % 2 == 0 { registration.cancel() }
            }
        }
        _ = try await (sending, receiving)
        while let rest = try channel.tryReceive() { received.add(rest) }
        // A sender that left as it met a receiver was not told, but what it sent was received.
        #expect(Set(sent.all).subtracting(received.all).isEmpty)
        #expect(Set(received.all).count == received.count)
    }
}

@Suite("Select") struct SelectTests {
    @Test("S6: select does the first thing that can be done, and nothing else")
    func ready() throws {
        let queue = Queue<Int>()
        let channel = Channel<Int>()
        _ = try queue.tryPut(1)
        let send = channel.send(2).future()
        #expect(
            select(.receive(channel) { "channel \($0)" }, .get(queue) { "queue \($0)" }).future().now == "channel 2"
        )
        #expect(send.isCompleted && queue.count == 1)
        #expect(select(.receive(channel) { "channel \($0)" }, .get(queue) { "queue \($0)" }).future().now == "queue 1")
    }

    @Test("S6, V21: a select that takes from a full queue lets in who waits to put")
    func selectMakesRoom() throws {
        let queue = try Queue<Int>(capacity: 1)
        _ = try queue.tryPut(1)
        let putting = queue.put(2).future()
        #expect(try trySelect(.get(queue) { $0 }) == 1)
        #expect(putting.isCompleted)
        #expect(try queue.tryGet() == 2)
    }

    @Test("S6: a select that waits is served once, by who comes first, and leaves all other lines")
    func waiting() throws {
        let queue = try Queue<Int>("full", capacity: 1)
        _ = try queue.tryPut(0)
        let channels = (0..<2).map { _ in Channel<Int>() }
        let result = select(
            .receive(channels[0]) { "received \($0)" },
            .send(7, on: channels[1]) { "sent" },
            .put(9, to: queue) { "put" }
        ).future()
        #expect(!result.isCompleted)
        #expect(channels.map(\.balance) == [-1, 1])
        #expect(channels[1].receive().future().now == 7)
        #expect(result.now == "sent")
        #expect(channels.map(\.balance) == [0, 0])
        #expect(try queue.tryGet() == 0)
        #expect(queue.isEmpty)
        #expect(try !channels[0].trySend(1))
    }

    @Test("S6: a cancelled select, and one that has timed out, has taken and given nothing")
    func leaving() throws {
        let loop = VirtualLoop()
        let channel = Channel<Int>()
        let queue = Queue<Int>()
        let cases: [SelectCase<Int>] = [.receive(channel) { $0 }, .get(queue) { $0 }]
        let cancelled = select(cases).future()
        cancelled.cancel()
        let late = select(cases).timeout(.seconds(1), on: loop).future()
        try loop.advance(by: .seconds(1))
        #expect(cancelled.isCancelled && late.failure is TimedOut)
        #expect(channel.balance == 0)
        _ = try queue.tryPut(1)
        #expect(queue.count == 1)
    }

    @Test("S6: trySelect answers nil when nothing can be done; an empty select fails; a closed queue is an error")
    func withoutWaiting() throws {
        let channel = Channel<Int>()
        let queue = Queue<Int>()
        #expect(try trySelect(.receive(channel) { $0 }, .get(queue) { $0 }) == nil)
        #expect(channel.balance == 0)
        _ = try queue.tryPut(1)
        #expect(try trySelect(.receive(channel) { $0 }, .get(queue) { $0 }) == 1)
        let empty = select([SelectCase<Int>]()).future().failure
        #expect((empty as? EmptyInput)?.description.hasPrefix("EmptyInput: select of no inputs") == true)
        let waiting = select(.receive(channel) { $0 }, .get(queue) { $0 }).future()
        queue.close()
        #expect(waiting.failure is QueueClosed && channel.balance == 0)
        #expect(select(.get(queue) { $0 }, .receive(channel) { $0 }).future().failure is QueueClosed)
        #expect(throws: Oops.self) {
            _ = channel.send(1).future()
            _ = try trySelect(.receive(channel) { _ -> Int in throw Oops() })
        }
    }

    @Test("S6: the same channel may stand in a select twice; two selects meet each other")
    func same() {
        let channel = Channel<Int>()
        let both = select(.receive(channel) { "received \($0)" }, .send(1, on: channel) { "sent" }).future()
        let other = select(.send(2, on: channel) { "sent" }, .receive(channel) { "received \($0)" }).future()
        #expect(other.now == "sent" && both.now == "received 2")
        #expect(channel.balance == 0)
    }

    @Test("S6, S8: a select that waits on both sides of what is closed is refused once, and nobody hangs")
    func closedBothSides() throws {
        let (channel, queue) = (Channel<Int>(), try Queue<Int>(capacity: 1))
        let onChannel = select(.send(1, on: channel) {}, .receive(channel) { _ in }, .receive(channel) { _ in })
            .future()
        let onQueue = select(.get(queue) { _ in }, .get(queue) { _ in }).future()
        _ = try queue.tryPut(0)
        #expect(onQueue.isCompleted)
        _ = try queue.tryPut(1)
        let putting = select(.put(2, to: queue) {}, .put(3, to: queue) {}).future()
        channel.close()
        queue.close()
        #expect(onChannel.failure is QueueClosed && putting.failure is QueueClosed)
    }

    @Test("S6, C11: selects over the same channels in any order neither lock each other out nor lose anything")
    func crossing() async throws {
        let (a, b) = (Channel<Int>("a"), Channel<Int>("b"))
        let count = scaled(3_000)
        let received = Log<Int>()
        async let one: Void = onThread {
            for n in 0..<count { try select(.send(n, on: a) {}, .send(n, on: b) {}).wait() }
        }
        async let two: Void = onThread {
            for n in 0..<count { try select(.send(count + n, on: b) {}, .send(count + n, on: a) {}).wait() }
        }
        async let three: Void = onThread {
            for _ in 0..<count { received.add(try select(.receive(a) { $0 }, .receive(b) { $0 }).wait()) }
        }
        async let four: Void = onThread {
            for _ in 0..<count { received.add(try select(.receive(b) { $0 }, .receive(a) { $0 }).wait()) }
        }
        _ = try await (one, two, three, four)
        #expect(difference(received.all, 2 * count) == [])
    }
}
