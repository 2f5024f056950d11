// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import QueueBridge
import Testing

@Suite("Queues as sources and sinks") struct SourceTests {
    @Test("ES2: a handler takes from a queue as many elements as it asks for; the rest stays for others")
    func demand() throws {
        let queue = Queue<Int>()
        let log = Log<Int>()
        let subscription = queue.subscribe(demand: 2) { if case .next(let n) = $0 { log.add(n) } }
        for n in 1...4 { _ = try queue.tryPut(n) }
        #expect(log.all == [1, 2] && queue.count == 2)
        #expect(try queue.tryGet() == 3)
        subscription.request(1)
        #expect(log.all == [1, 2, 4])
        subscription.request(1)
        subscription.cancel()
        _ = try queue.tryPut(5)
        #expect(log.all == [1, 2, 4] && queue.count == 1)
    }

    @Test("T24: what a handler had asked for and not been given when it left is the next one's, in order")
    func leavingInside() throws {
        let queue = Queue<Int>()
        let log = Log<Int>()
        let place = SubscriptionPlace()
        place.fill(
            queue.subscribe(demand: 1) { event in
                guard case .next(let n) = event else { return }
                log.add(n)
                for more in 2...4 { _ = try? queue.tryPut(more) }
                place.request(2)
                place.cancel()
            }
        )
        _ = try queue.tryPut(1)
        #expect(log.all == [1] && queue.count == 3)
        #expect(try (1...3).map { _ in try queue.tryGet() } == [2, 3, 4])
    }

    @Test("ES1: a handler with all the demand empties a queue of any length without recursion, and is told the end")
    func draining() throws {
        let queue = Queue<Int>()
        for n in 0..<100_000 { _ = try queue.tryPut(n) }
        let log = Log<Int>()
        let ends = Log<Bool>()
        queue.subscribe({ log.add($0) }, onEnd: { ends.add($0 == nil) })
        #expect(log.count == 100_000)
        for n in 0..<10 { _ = try queue.tryPut(n) }
        queue.close()
        #expect(log.count == 100_010 && ends.all == [true])
    }

    @Test("ES4: on an executor a handler takes one element at a time from a queue, and is told the end there, once")
    func onExecutor() throws {
        let loop = VirtualLoop()
        let queue = Queue<Int>()
        let log = Log<String>()
        queue.subscribe(
            on: loop,
            { log.add("\($0), \(queue.count) left") },
            onEnd: { log.add($0 == nil ? "end" : "error") }
        )
        for n in 1...3 { _ = try queue.tryPut(n) }
        #expect(queue.count == 2)
        try loop.runUntilIdle()
        #expect(log.all == ["1, 2 left", "2, 1 left", "3, 0 left"])
        queue.close()
        #expect(log.count == 3)
        try loop.runUntilIdle()
        #expect(log.all.dropFirst(3) == ["end"])
    }

    @Test(
        "ES1, T24: what several threads put comes to one handler, each thread's in its order, and nothing stays behind",
        .timeLimit(.minutes(1))
    )
    func fromThreads() async throws {
        let queue = Queue<Int>()
        let log = Log<Int>()
        let count = scaled(20_000)
        queue.subscribe { log.add($0) }
        // At the moment when the other thread, which has put and takes, finds nothing more.
        @Sendable func put(_ numbers: Range<Int>) throws {
            for n in numbers {
                while !queue.isEmpty {}
                for _ in 0..<n % 16 { _ = queue.isEmpty }
                _ = try queue.tryPut(n)
            }
        }
        async let one: Void = onThread { try put(0..<count) }
        async let other: Void = onThread { try put(count..<2 * count) }
        _ = try await (one, other)
        #expect(await eventually(within: .seconds(20)) { log.count == 2 * count })
        #expect(log.all.filter { $0 < count } == Array(0..<count))
        #expect(log.all.filter { $0 >= count } == Array(count..<2 * count))
    }

    @Test("QB6: a queue that is to be delivered to itself is reported and left as it is; another queue is not")
    func toItself() async throws {
        let reports = ReportCollector(containing: "QB6 to itself")
        let queue = Queue<Int>("QB6 to itself")
        _ = try queue.tryPut(1)
        let answers = Log<CancellationAnswer>()
        async let done: Void = onThread { answers.add(queue.deliver(to: queue, closing: true).cancel()) }
        #expect(await eventually { answers.all == [.tooLate] })
        #expect(queue.count == 1)
        // What goes round would go on.
        queue.close()
        try await done
        let texts = await reports.settledReports().map { "\($0)" }
        #expect(texts.count == 1 && texts[0].contains("another queue"))
        let other = Queue<Int>("QB6 to itself")
        queue.deliver(to: other)
        #expect(try other.tryGet() == 1 && queue.isEmpty)
    }

    @Test("V23: iterations end when the queue is closed and empty: for await, and blocking in a greenlet")
    func iteration() async throws {
        let queue = try Queue<Int>(capacity: 2)
        let greenlet = Greenlet.spawn { () throws -> Int in
            var sum = 0
            while let n = try queue.waitNext() { sum += n }
            return sum
        }
        async let iterating: Int = {
            var sum = 0
            for try await n in queue { sum += n }
            return sum
        }()
        for n in 1...100 { try await queue.put(n).value }
        queue.close()
        #expect(try await iterating + greenlet.value == 5_050)
    }

    @Test("QB1: any awaitable is delivered to a queue, with its source's key: value, error and cancellation")
    func delivery() async throws {
        let outcomes = Queue<Result<Int, any Error>>()
        Future.succeeded(1).deliver(to: outcomes)
        #expect(try outcomes.tryGet()?.get() == 1)
        let tagged = try Queue<Completion<String, Int>>(capacity: 1)
        Future.succeeded(1).deliver(to: tagged, key: "a")
        Future<Int>.failed(Oops()).deliver(to: tagged, key: "b")
        let promise = Promise<Int>()
        promise.future.deliver(to: tagged, key: "c")
        promise.future.cancel()
        let keys = try (1...3).map { _ in try tagged.tryGet() }
        #expect(keys.map { $0?.key } == ["a", "b", "c"])
        #expect(try keys[0]?.get() == 1)
        #expect(throws: Oops.self) { try keys[1]?.get() }
        #expect(throws: CancellationError.self) { try keys[2]?.get() }
    }

    @Test("QB2: leaving a delivery stops its source, if nobody else observes that")
    func leavingDelivery() {
        let queue = Queue<Result<Int, any Error>>()
        let promise = Promise<Int>()
        let registration = promise.future.deliver(to: queue)
        #expect(registration.cancel() == .stopped)
        #expect(promise.future.isCancelled && queue.isEmpty)
    }

    @Test("QB3: what a closed queue refuses is reported")
    func refusedDelivery() {
        let reports = ReportCollector(containing: "queue \"refusing\"")
        let queue = Queue<Result<Int, any Error>>("refusing")
        queue.close()
        Future.succeeded(7).deliver(to: queue)
        #expect(reports.settled().count == 1)
        #expect("\(reports.settled())".contains("success(7)"))
    }

    @Test("QB4, ES7: a source that delivers to a full queue is held back")
    func backPressure() async throws {
        let (source, sink) = (Queue<Int>(), try Queue<Int>(capacity: 2))
        source.deliver(to: sink, closing: true)
        for n in 1...10 { _ = try source.tryPut(n) }
        // Two are in the sink, and one is on its way.
        #expect(sink.count == 2 && source.count == 7)
        source.close()
        var all: [Int] = []
        for try await n in sink { all.append(n) }
        #expect(all == Array(1...10))
    }

    @Test("QB4: what a queue held when it was delivered comes first")
    func deliveryOfMany() throws {
        let (source, sink) = (Queue<Int>(), Queue<Int>())
        for n in 1...3 { _ = try source.tryPut(n) }
        source.deliver(to: sink)
        _ = try source.tryPut(4)
        #expect(try (1...4).map { _ in try sink.tryGet() } == [1, 2, 3, 4])
    }

    @Test("QB3, T24: a delivery leaves when its queue has closed, and what that would refuse stays the source's")
    func closedSink() throws {
        let (source, sink) = (Queue<Int>(), Queue<Int>())
        let delivery = source.deliver(to: sink)
        sink.close()
        for n in 1...2 { _ = try source.tryPut(n) }
        #expect(try (1...2).map { _ in try source.tryGet() } == [1, 2])
        #expect(delivery.cancel() == .tooLate)
    }

    @Test("QB3: a delivery whose element waits for room when the queue closes is reported, and leaves")
    func closedWhileFull() throws {
        let reports = ReportCollector(containing: "queue \"QB3 full\"")
        let (source, sink) = (Queue<Int>(), try Queue<Int>("QB3 full", capacity: 1))
        let delivery = source.deliver(to: sink)
        for n in 1...3 { _ = try source.tryPut(n) }
        sink.close()
        #expect(reports.settled().count == 1)
        #expect(delivery.cancel() == .tooLate)
        #expect(try source.tryGet() == 3)
    }

    @Test("ES8: a task that is cancelled in an iteration loses no element", .timeLimit(.minutes(1)))
    func cancelledIteration() async throws {
        let queue = Queue<Int>()
        let taken = Log<Int>()
        let count = scaled(2_000)
        let tasks = (0..<20).map { _ in Task { for try await n in queue { taken.add(n) } } }
        async let putting: Void = onThread { for n in 0..<count { _ = try queue.tryPut(n) } }
        for task in tasks.prefix(10) { task.cancel() }
        try await putting
        for task in tasks { task.cancel() }
        for task in tasks { _ = await task.result }
        while let rest = try queue.tryGet() { taken.add(rest) }
        #expect(difference(taken.all, count) == [])
    }
}
