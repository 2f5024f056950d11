// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops
import QueueBridge
import Testing

@Suite("What a waiter that leaves takes with it: nothing") struct LossTests {
    @Test("T23, V22: a getter that was cancelled or has timed out does not take the next element; one that lives does")
    func getters() throws {
        let loop = VirtualLoop()
        let queue = Queue<Int>()
        let dying = queue.get().future()
        let late = queue.get().timeout(.seconds(1), on: loop).future()
        let living = queue.get().future()
        dying.cancel()
        try loop.advance(by: .seconds(1))
        #expect(late.failure is TimedOut)
        _ = try queue.tryPut(1)
        #expect(living.now == 1 && queue.isEmpty)
    }

    @Test("T23: a put that was cancelled or has timed out never enters")
    func putters() throws {
        let loop = VirtualLoop()
        let queue = try Queue<Int>(capacity: 1)
        _ = try queue.tryPut(1)
        let dying = queue.put(2).future()
        let late = queue.put(3).timeout(.seconds(1), on: loop).future()
        let living = queue.put(4).future()
        dying.cancel()
        try loop.advance(by: .seconds(1))
        #expect(late.failure is TimedOut)
        #expect(try queue.tryGet() == 1)
        #expect(living.isCompleted)
        #expect(try queue.tryGet() == 4)
        #expect(try queue.tryGet() == nil)
    }

    @Test(
        "T24: an element on its way to a handler's executor is the next one's, if the handler leaves or the executor stops"
    )
    func onTheWay() throws {
        for isStopped in [false, true] {
            let loop = VirtualLoop()
            let (queue, channel) = (Queue<Int>(), Channel<Int>())
            let log = Log<Int>()
            let subscriptions = [
                queue.subscribe(on: loop) { log.add($0) }, channel.subscribe(on: loop) { log.add($0) },
            ]
            if isStopped { loop.stop() }
            for n in 1...2 { _ = try queue.tryPut(n) }
            let sending = channel.send(3).future()
            #expect(loop.pendingWork == (isStopped ? 0 : 2))
            if !isStopped { #expect(sending.isCompleted) }
            for subscription in subscriptions { subscription.cancel() }
            try loop.runUntilIdle()
            #expect(try queue.tryGet() == 1)
            #expect(try queue.tryGet() == 2)
            #expect(try channel.tryReceive() == 3)
            #expect(sending.isCompleted)
            #expect(log.all.isEmpty)
        }
    }

    @Test("T24: an element that came for a stream whose taker had left is the next one's, when the stream is dropped")
    func droppedStream() async throws {
        let (queue, channel) = (Queue<Int>(), Channel<Int>())
        var streams: [EventStream<Int>] = [queue.stream(), channel.stream()]
        for stream in streams { stream.next().future().cancel() }
        _ = try queue.tryPut(1)
        let sending = channel.send(2).future()
        // Others are served as well while the stream is there.
        #expect(try queue.tryGet() == 1)
        _ = try queue.tryPut(3)
        streams = []
        #expect(try queue.tryGet() == 3)
        #expect(try channel.tryReceive() == 2)
        #expect(sending.isCompleted)
    }

    @Test("T24: what a channel took back goes to the receiver who waits, to a select, and is there after the closing")
    func takenBack() throws {
        let channel = Channel<Int>()
        let loop = VirtualLoop()
        for round in 0..<3 {
            let subscription = channel.subscribe(on: loop) { _ in }
            _ = try channel.trySend(round)
            let receiving = round == 0 ? channel.receive().future() : nil
            if round == 2 { channel.close() }
            subscription.cancel()
            switch round {
            case 0: #expect(receiving?.now == 0)
            case 1: #expect(try trySelect(.receive(channel) { $0 }) == 1)
            default: #expect(try channel.tryReceive() == 2)
            }
        }
        #expect(throws: QueueClosed.self) { try channel.tryReceive() }
    }

    @Test(
        "T24, ES8: handlers on executors that come and go at the moment of the hand-over lose nothing, nor disturb the order"
    )
    func comingAndGoing() async throws {
        let queue = Queue<Int>()
        let taken = Log<Int>()
        let count = scaled(20_000)
        let loop = try IOLoop.onOwnThread(name: "taking")
        defer { loop.stop() }
        async let putting: Void = onThread { for n in 0..<count { _ = try queue.tryPut(n) } }
        async let leaving: Void = onThread {
            while taken.count < count / 2 {
                let before = taken.count
                let subscription = queue.subscribe(on: loop) { taken.add($0) }
                _ = blockUntil { taken.count > before }
                subscription.cancel()
                // A handler that had begun is not waited for.
                let isIdle = Future<Void>.pending()
                loop.post { _ = isIdle._succeed(()) }
                try isIdle.wait()
            }
        }
        _ = try await (putting, leaving)
        while let rest = try queue.tryGet() { taken.add(rest) }
        #expect(taken.all == Array(0..<count))
    }

    @Test("T24: what comes back is the next one again in every order, and goes to a getter who waits")
    func returnedInOrder() throws {
        let loop = VirtualLoop()
        let queues = [Queue<Int>(), Queue(order: .lifo), Queue(order: .priority { $0 / 10 < $1 / 10 })]
        for (queue, rest) in zip(queues, [[11, 12], [11, 12], [11, 12]]) {
            let subscription = queue.subscribe(on: loop) { _ in }
            for n in rest { _ = try queue.tryPut(n) }
            subscription.cancel()
            #expect(try rest.map { _ in try queue.tryGet() } == rest)
            let other = queue.subscribe(on: loop) { _ in }
            _ = try queue.tryPut(1)
            let getting = queue.get().future()
            other.cancel()
            #expect(getting.now == 1 && queue.isEmpty)
        }
    }

    @Test("T24, ES3: a handler that has left is nobody to send to, and stands in no line")
    func standsInNoLine() throws {
        let (queue, channel) = (Queue<Int>(), Channel<Int>())
        for subscription in [queue.subscribe { _ in }, channel.subscribe { _ in }] { subscription.cancel() }
        #expect(channel.balance == 0)
        #expect(try !channel.trySend(1))
        _ = try queue.tryPut(1)
        #expect(try queue.tryGet() == 1)
    }

    @Test("T24: a select that nobody holds any more does not keep its queue, whose release ends it")
    func droppedSelect() async {
        var kept: [Future<Int>] = []
        weak var queue: Queue<Int>?
        weak var channel: Channel<Int>?
        do {
            let (owner, other) = (Queue<Int>(), Channel<Int>())
            (queue, channel) = (owner, other)
            _ = select(.get(owner) { $0 }).future()
            kept = [
                select(.get(owner) { $0 }).future(), select(.receive(other) { $0 }, .send(1, on: other) { 2 }).future(),
            ]
        }
        #expect(queue == nil && channel == nil)
        for future in kept { await #expect(throws: QueueClosed.self) { try await future.value } }
    }

    @Test("V24, T24: what comes back to a queue that was closed at once is dropped, and its work counts as done")
    func backToTheClosed() throws {
        let (loop, queue) = (VirtualLoop(), Queue<Int>())
        let subscription = queue.subscribe(on: loop) { _ in }
        _ = try queue.tryPut(1)
        let joined = queue.join().future()
        queue.closeNow()
        #expect(!joined.isCompleted)
        subscription.cancel()
        #expect(joined.isCompleted)
        #expect(throws: QueueClosed.self) { try queue.tryGet() }
    }

    @Test("QB3: a delivery keeps no queue: the element that waits for room is reported when nobody has the queue")
    func deliveredToTheReleased() throws {
        let reports = ReportCollector(containing: "queue \"nobody's\"")
        weak var dropped: Queue<Int>?
        let source = Queue<Int>()
        do {
            let sink = try Queue<Int>("nobody's", capacity: 1)
            dropped = sink
            source.deliver(to: sink)
            for n in 1...3 { _ = try source.tryPut(n) }
        }
        #expect(dropped == nil)
        #expect(reports.settled().count == 1)
        #expect(try source.tryGet() == 3)
    }

    @Test("V22: a killed getter takes nothing, one dying and one living, and two dying")
    func killed() throws {
        let loop = VirtualLoop()
        let queue = Queue<Int>()
        let log = Log<Int>()
        let greenlets = (0..<3).map { _ in Greenlet.spawn(on: loop) { log.add(try queue.get().wait()) } }
        try loop.runUntilIdle()
        for greenlet in greenlets.prefix(2) { greenlet.kill() }
        try loop.runUntilIdle()
        _ = try queue.tryPut(1)
        try loop.runUntilIdle()
        #expect(log.all == [1])
        #expect(greenlets.allSatisfy { $0.isDead })
        loop.stop()
    }

    @Test("T24: an element handed to a greenlet that is killed before it runs is the greenlet's: it is not lost")
    func killedAfterHandOver() throws {
        let loop = VirtualLoop()
        let queue = Queue<Int>()
        let log = Log<String>()
        let greenlet = Greenlet.spawn(on: loop) {
            log.add("\(try queue.get().wait())")
            try queue.get().wait()
        }
        try loop.runUntilIdle()
        _ = try queue.tryPut(1)
        greenlet.kill()
        try loop.runUntilIdle()
        #expect(log.all == ["1"] && greenlet.isDead)
        _ = try queue.tryPut(2)
        #expect(try queue.tryGet() == 2)
        loop.stop()
    }

    @Test("T24: an observer that leaves at the moment of the hand-over: the element is its, or the next one's")
    func leavingAtHandOver() async throws {
        let queue = Queue<Int>()
        let taken = Log<Int>()
        let count = scaled(20_000)
        async let putting: Void = onThread { for n in 0..<count { _ = try queue.tryPut(n) } }
        async let leaving: Void = onThread {
            for _ in 0..<count {
                let registration = queue.get().future().observe { if case .success(let n) = $0 { taken.add(n) } }
                registration.cancel()
            }
        }
        _ = try await (putting, leaving)
        while let rest = try queue.tryGet() { taken.add(rest) }
        #expect(difference(taken.all, count) == [])
    }

    @Test("T24: waiters with timeouts that end at the moment of the hand-over lose nothing", .timeLimit(.minutes(1)))
    func timeoutAtHandOver() async throws {
        let queue = Queue<Int>()
        let taken = Log<Int>()
        let count = scaled(2_000)
        async let putting: Void = onThread { for n in 0..<count { _ = try queue.tryPut(n) } }
        async let taking: Void = onThread {
            var ended = 0
            while ended < count / 2 {
                do { taken.add(try queue.get().wait(timeout: .nanoseconds(ended % 3))) } catch is TimedOut {}
                ended += 1
            }
        }
        async let timing: Void = {
            for n in 0..<count / 2 {
                do { taken.add(try await queue.get().timeout(.nanoseconds(n % 3)).value) } catch is TimedOut {}
            }
        }()
        _ = try await (putting, taking, timing)
        while let rest = try queue.tryGet() { taken.add(rest) }
        #expect(difference(taken.all, count) == [])
    }

    @Test("T24: a blocked thread that gives up as an element comes has taken it, or left it", .timeLimit(.minutes(1)))
    func givingUpAtHandOver() async throws {
        let queue = Queue<Int>()
        let (taken, ended) = (Log<Int>(), Log<Bool>())
        let count = scaled(20_000)
        async let putting: Void = onThread {
            // Only into an empty queue, so that somebody waits for it.
            for n in 0..<count {
                while !queue.isEmpty {}
                _ = try queue.tryPut(n)
            }
            ended.add(true)
        }
        async let taking: Void = onThread {
            var attempts = 0
            while ended.count == 0 || !queue.isEmpty {
                do { taken.add(try queue.get().wait(timeout: .nanoseconds(attempts % 3))) } catch is TimedOut {}
                attempts += 1
            }
        }
        _ = try await (putting, taking)
        #expect(difference(taken.all, count) == [])
    }

    @Test("T24: tasks that are cancelled at the moment of the hand-over lose nothing", .timeLimit(.minutes(1)))
    func cancelledTasks() async throws {
        let queue = Queue<Int>()
        let taken = Log<Int>()
        let count = scaled(2_000)
        let tasks = (0..<count).map { _ in Task { taken.add(try await queue.get().value) } }
        async let putting: Void = onThread { for n in 0..<count { _ = try queue.tryPut(n) } }
        async let cancelling: Void = onThread { for task in tasks { task.cancel() } }
        _ = try await (putting, cancelling)
        for task in tasks { _ = await task.result }
        while let rest = try queue.tryGet() { taken.add(rest) }
        #expect(difference(taken.all, count) == [])
    }
}
