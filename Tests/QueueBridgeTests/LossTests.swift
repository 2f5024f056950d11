// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
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
