// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import QueueBridge
import Testing

@Suite("Queues") struct QueueTests {
    @Test("V21: a put waits at capacity; those who wait to put, and to get, are served in the order they came")
    func bounded() throws {
        let queue = try Queue<Int>(capacity: 2)
        let puts = (1...4).map { queue.put($0).future() }
        #expect(puts.map(\.isCompleted) == [true, true, false, false])
        #expect(queue.isFull && queue.count == 2)
        #expect(queue.get().future().now == 1)
        #expect(puts.map(\.isCompleted) == [true, true, true, false])
        #expect((1...3).map { _ in queue.get().future().now } == [2, 3, 4])
        #expect(puts.allSatisfy { $0.isCompleted })
        let gets = (1...3).map { _ in queue.get().future() }
        for n in 5...6 { queue.put(n).callback { _ in } }
        #expect(gets.map(\.now) == [5, 6, nil])
        #expect(gets[2].cancel() == .stopped)
    }

    @Test("V21: the forms that do not wait serve whoever waits on the other side")
    func withoutWaiting() throws {
        let queue = try Queue<Int>(capacity: 1)
        #expect(try queue.tryGet() == nil)
        let get = queue.get().future()
        #expect(try queue.tryPut(1))
        #expect(get.now == 1)
        #expect(try queue.tryPut(2))
        #expect(try !queue.tryPut(3))
        let put = queue.put(4).future()
        #expect(try queue.tryGet() == 2)
        #expect(put.isCompleted && queue.peek() == 4 && queue.count == 1)
    }

    @Test(
        "V24: what a queue drops as it is closed may look at the queue: nothing of a user's is destroyed under its lock"
    )
    func destroyedOutside() throws {
        final class Nosy: Sendable {
            let look: @Sendable () -> Void
            init(_ look: @escaping @Sendable () -> Void) { self.look = look }
            deinit { look() }
        }
        let looks = Log<Int>()
        let queue = try Queue<Nosy>(capacity: 1)
        let channel = Channel<Nosy>()
        for _ in 0..<3 { queue.put(Nosy { looks.add(queue.count) }).callback { _ in } }
        channel.send(Nosy { looks.add(channel.balance) }).callback { _ in }
        let left = queue.put(Nosy { looks.add(queue.count) }).future()
        left.cancel()
        queue.closeNow()
        channel.close()
        #expect(looks.count == 5)
    }

    @Test("T23, V21: a capacity of zero is no limit, one below zero is refused")
    func capacities() throws {
        let queue = try Queue<Int>("numbers", capacity: 0)
        for n in 0..<10_000 { #expect(queue.put(n).future().isCompleted) }
        #expect(!queue.isFull && queue.capacity == 0 && !queue.isEmpty)
        #expect(throws: InvalidCount.self) { try Queue<Int>("numbers", capacity: -1) }
        do { _ = try Queue<Int>("numbers", capacity: -1) } catch {
            #expect("\(error)" == "InvalidCount: the capacity of queue \"numbers\" of -1. It must be at least 0.")
        }
    }

    @Test("V22: a greenlet that waits for a queue says so in a dump and when its time is up, and leaves the line")
    func diagnosed() throws {
        let loop = VirtualLoop()
        let queue = Queue<Int>("jobs")
        let log = Log<String>()
        let greenlet = Greenlet.spawn(on: loop, name: "worker") {
            do { try queue.get().wait(timeout: .seconds(1)) } catch { log.add("\(error)") }
        }
        try loop.runUntilIdle()
        #expect(greenlet.isDead == false && "\(queue)".contains("1 waiting to get"))
        #expect(try loop.run(until: Hub.dump(of: loop)).contains("waits for queue \"jobs\""))
        try loop.advance(by: .seconds(1))
        #expect(
            log.all.first?.hasPrefix("TimedOut: a get on queue \"jobs\" did not complete within 1.0 seconds.") == true
        )
        #expect("\(queue)".contains("0 waiting to get"))
        loop.stop()
    }

    @Test("T23, V23: last in first out; by priority with equals as they came; peek leaves the element")
    func orders() throws {
        let stack = Queue<Int>(order: .lifo)
        let urgent = Queue<Int>(order: .priority)
        let pairs = Queue<(key: Int, name: String)>(order: .priority { $0.key < $1.key })
        for n in [3, 1, 2] {
            _ = try stack.tryPut(n)
            _ = try urgent.tryPut(n)
        }
        #expect(stack.peek() == 2 && urgent.peek() == 1)
        #expect(try (1...3).map { _ in try stack.tryGet() } == [2, 1, 3])
        #expect(try (1...3).map { _ in try urgent.tryGet() } == [1, 2, 3])
        for name in ["a", "b", "c"] { _ = try pairs.tryPut((1, name)) }
        _ = try pairs.tryPut((0, "first"))
        #expect(try (1...4).compactMap { _ in try pairs.tryGet()?.name } == ["first", "a", "b", "c"])
        var sorted: [Int] = []
        var state: UInt64 = 7
        for _ in 0..<500 {
            state = state &* 6_364_136_223_846_793_005 &+ 1
            _ = try urgent.tryPut(Int(state >> 40))
        }
        while let next = try urgent.tryGet() { sorted.append(next) }
        #expect(sorted == sorted.sorted() && sorted.count == 500)
    }

    @Test(
        "V23: join waits for taskDone of all that was put, at once if there is nothing; one taskDone too many is an error"
    )
    func joining() throws {
        let queue = Queue<Int>("jobs")
        #expect(queue.join().future().isCompleted)
        _ = try queue.tryPut(1)
        _ = try queue.tryPut(2)
        let join = queue.join().future()
        _ = try queue.tryGet()
        _ = try queue.tryGet()
        try queue.taskDone()
        #expect(!join.isCompleted)
        try queue.taskDone()
        #expect(join.isCompleted)
        #expect(throws: ReleasedTooOften.self) { try queue.taskDone() }
        // What is handed over without being stored is work, too.
        let get = queue.get().future()
        _ = try queue.tryPut(3)
        #expect(get.now == 3 && !queue.join().future().isCompleted)
    }

    @Test("V23: a join with a timeout ends with TimedOut, and leaves nothing behind")
    func joinTimeout() async throws {
        let loop = VirtualLoop()
        let queue = Queue<Int>()
        _ = try queue.tryPut(1)
        let join = queue.join().timeout(.seconds(1), on: loop).future()
        try loop.advance(by: .seconds(1))
        #expect(join.failure is TimedOut)
        try queue.taskDone()
        #expect(queue.join().future().isCompleted)
    }

    @Test("V24: a closed queue refuses puts, gives what it has, then refuses gets; whoever waits is woken")
    func closing() throws {
        let queue = try Queue<Int>("jobs", capacity: 1)
        _ = try queue.tryPut(1)
        let put = queue.put(2).future()
        queue.close()
        #expect(put.failure is QueueClosed)
        #expect(queue.isClosed)
        #expect(queue.put(3).future().failure is QueueClosed)
        #expect(throws: QueueClosed.self) { try queue.tryPut(3) }
        #expect(queue.get().future().now == 1)
        #expect(queue.get().future().failure is QueueClosed)
        #expect(throws: QueueClosed.self) { try queue.tryGet() }
        let empty = Queue<Int>()
        let gets = (1...3).map { _ in empty.get().future() }
        empty.close()
        empty.close()
        #expect(gets.allSatisfy { $0.failure is QueueClosed })
        #expect("\(gets[0].failure!)".contains("a get on a queue of Int, which has been closed"))
    }

    @Test("V24: closing at once drops what is there, and its work counts as done")
    func closingNow() throws {
        let queue = Queue<Int>()
        _ = try queue.tryPut(1)
        _ = try queue.tryPut(2)
        _ = try queue.tryGet()
        let join = queue.join().future()
        queue.closeNow()
        #expect(queue.isEmpty && queue.get().future().failure is QueueClosed)
        #expect(!join.isCompleted)
        try queue.taskDone()
        #expect(join.isCompleted)
    }

    @Test("T23: whoever waits for a queue that its last owner releases is told so")
    func released() async throws {
        let log = Log<String>()
        var queue: Queue<Int>? = try Queue("lost", capacity: 1)
        _ = try queue?.tryPut(1)
        let put = queue?.put(2).future()
        put?.callback { outcome in if case .failure(let error) = outcome { log.add("\(error)") } }
        let join = queue?.join().future()
        queue = nil
        #expect(await eventually { put?.isCompleted == true && join?.isCompleted == true })
        #expect(log.all.first?.hasPrefix("QueueClosed: a put or join on queue \"lost\", which was released") == true)
    }

    @Test("T23: what a released queue holds stays for those who iterate it")
    func releasedWithElements() async throws {
        func filled() throws -> Queue<Int> {
            let queue = Queue<Int>()
            for n in 1...3 { _ = try queue.tryPut(n) }
            return queue
        }
        var queue: Queue<Int>? = try filled()
        var iterator = try #require(queue).makeAsyncIterator()
        let stream = try filled().stream()
        queue = nil
        for n in 1...3 {
            #expect(try await iterator.next() == n)
            #expect(try await stream.next().value == n)
        }
        #expect(try await iterator.next() == nil)
        #expect(try await stream.next().value == nil)
    }

    @Test("T23: the end of a closed queue is told to its subscribers, and is no error that nobody observed")
    func endIsNoLostError() async throws {
        let collector = ReportCollector(containing: "queue \"ends quietly\"")
        let queue = Queue<Int>("ends quietly")
        _ = try queue.tryPut(1)
        queue.close()
        let ended = Promise<Void>()
        queue.subscribe({ _ in }, onEnd: { _ in ended.succeed(()) })
        try await ended.future.value
        #expect(await collector.settledReports().isEmpty)
    }

    @Test("T23: a queue works between a greenlet, a plain thread, a task and a callback", .timeLimit(.minutes(1)))
    func styles() async throws {
        let queue = try Queue<Int>(capacity: 1)
        let sums = Queue<Int>()
        let greenlet = Greenlet.spawn { for n in 0..<100 { try queue.put(n).wait() } }
        async let thread: Void = onThread { for n in 100..<200 { try queue.put(n).wait() } }
        async let task: Void = { for n in 200..<300 { try await queue.put(n).value } }()
        let taker = Greenlet.spawn {
            var sum = 0
            for _ in 0..<100 { sum += try queue.get().wait() }
            try sums.put(sum).wait()
        }
        async let threadSum: Int = onThread { try (0..<100).reduce(0) { sum, _ in try sum + queue.get().wait() } }
        var sum = 0
        for _ in 0..<100 { sum += try await queue.get().value }
        try await greenlet.value
        try await taker.value
        try await thread
        try await task
        #expect(try await sum + threadSum + sums.get().value == (0..<300).reduce(0, +))
        #expect(queue.isEmpty)
    }

    @Test("T23: nothing happens before a verb is used")
    func prepared() throws {
        let queue = Queue<Int>()
        let put = queue.put(1)
        let get = queue.get()
        #expect(queue.isEmpty)
        put.callback { _ in }
        put.callback { _ in }
        #expect(queue.count == 2)
        #expect(get.future().now == 1 && queue.count == 1)
        #expect("\(queue)" == "a queue of Int: 1 elements, 0 waiting to get, 0 to put")
    }
}
