// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Loops
import Testing

@Suite("Virtual loops")
struct VirtualLoopTests {
    private func second(_ number: Int64) -> LoopInstant { LoopInstant(nanoseconds: number * 1_000_000_000) }

    @Test("time starts at zero and passes only when told, timers fire at their own instants")
    func advance() throws {
        let loop = VirtualLoop()
        let order = OrderRecorder()
        #expect(loop.now == second(0))
        _ = loop.schedule(after: .seconds(2)) { order.record("b \(loop.now)") }
        _ = loop.schedule(after: .seconds(1)) {
            order.record("a \(loop.now)")
            _ = loop.schedule(after: .milliseconds(500)) { order.record("c \(loop.now)") }
        }
        try loop.runUntilIdle()
        #expect(order.entries == [])
        #expect(loop.nextDeadline == second(1))
        try loop.advance(by: .seconds(3))
        #expect(order.entries == ["a 1.0 s", "c 1.5 s", "b 2.0 s"])
        #expect(loop.now == second(3))
        try loop.advance(to: second(1))
        #expect(loop.now == second(3))
    }

    @Test("E6, B9: equal deadlines fire in the order they were set, posted callbacks first in, first out")
    func fifo() throws {
        let loop = VirtualLoop()
        let order = OrderRecorder()
        for number in 0..<100 {
            loop.post { order.record("\(number)") }
            _ = loop.schedule(after: .seconds(1)) { order.record("\(number)") }
        }
        try loop.advance(by: .seconds(1))
        #expect(order.entries == (0..<200).map { "\($0 % 100)" })
    }

    @Test("T11: what a posted callback posts runs in the next turn, after the timers that are due")
    func nestedPosts() throws {
        let loop = VirtualLoop()
        let order = OrderRecorder()
        loop.post {
            order.record("a1")
            loop.post { order.record("nested") }
        }
        loop.post { order.record("a2") }
        _ = loop.schedule(after: .zero) { order.record("timer") }
        try loop.runUntilIdle()
        #expect(order.entries == ["a1", "a2", "timer", "nested"])
    }

    @Test("a seed permutes only between different posters, and the same seed always alike")
    func seeds() async throws {
        func run(seed: UInt64?) async throws -> [String] {
            let loop = VirtualLoop(seed: seed)
            let order = OrderRecorder()
            for poster in ["a", "b", "c"] {
                try await onThread { for number in 0..<5 { loop.post { order.record("\(poster)\(number)") } } }
            }
            try await onThread { try loop.runUntilIdle() }
            return order.entries
        }
        let plain = try await run(seed: nil)
        #expect(plain == ["a", "b", "c"].flatMap { poster in (0..<5).map { "\(poster)\($0)" } })
        var seen: Set<[String]> = []
        for seed in 0..<20 as Range<UInt64> {
            let first = try await run(seed: seed)
            #expect(try await run(seed: seed) == first)
            for poster in ["a", "b", "c"] {
                #expect(first.filter { $0.hasPrefix(poster) } == (0..<5).map { "\(poster)\($0)" })
            }
            seen.insert(first)
        }
        #expect(seen.count > 5)
    }

    @Test("T15: run(until:) lets time pass from timer to timer, returns the value, throws the error, can be repeated")
    func runUntil() throws {
        let loop = VirtualLoop()
        try loop.run(until: Future<Void>.sleep(for: .seconds(3600), on: loop))
        #expect(loop.now == second(3600))
        #expect(try loop.run(until: Future.succeeded(4)) == 4)
        struct Oops: Error {}
        let failing = Promise<Int>()
        _ = loop.schedule(after: .seconds(1)) { failing.fail(Oops()) }
        #expect(throws: Oops.self) { try loop.run(until: failing.future) }
        let never = Promise<Int>()
        #expect(throws: TimedOut.self) { try loop.run(until: never.future, timeout: .seconds(5)) }
        #expect(loop.now == second(3606))
        never.succeed(1)
    }

    @Test("run(until:) says so when nothing is left that could complete the source")
    func stalled() throws {
        let loop = VirtualLoop(name: "stuck")
        let never = Promise<Int>()
        let error = #expect(throws: Stalled.self) { try loop.run(until: never.future, patience: .zero) }
        #expect(error?.loop == "stuck")
        never.succeed(1)
    }

    @Test("T11: other threads may post, and run(until:) waits for them")
    func otherThreads() async throws {
        let loop = VirtualLoop()
        let promise = Promise<Bool>()
        let running = Task { try await onThread { try loop.run(until: promise.future, patience: .seconds(60)) } }
        try await onThread { loop.post { promise.succeed(loop.isCurrent) } }
        #expect(try await running.value)
    }

    @Test("T14: driving a loop that is being driven is an error, not a deadlock")
    func nested() throws {
        let loop = VirtualLoop()
        let order = OrderRecorder()
        loop.post {
            for drive in [{ try loop.runUntilIdle() }, { try loop.advance(by: .seconds(1)) }] {
                do { try drive() } catch { order.record("\(error is CannotRunLoop)") }
            }
        }
        try loop.runUntilIdle()
        #expect(order.entries == ["true", "true"])
    }

    @Test("a program that never comes to rest is named")
    func neverIdle() throws {
        let loop = VirtualLoop()
        @Sendable func again() { loop.post(again) }
        loop.post(again)
        #expect(throws: NeverIdle.self) { try loop.runUntilIdle(turnLimit: 1000) }
        loop.stop()
    }

    @Test("advanceUntilIdle runs every timer, however far away, up to its limit")
    func advanceUntilIdle() throws {
        let loop = VirtualLoop()
        let order = OrderRecorder()
        for hours in [30, 2, 1] {
            _ = loop.schedule(after: .seconds(3600 * Int64(hours))) { order.record("\(hours)") }
        }
        try loop.advanceUntilIdle()
        #expect(order.entries == ["1", "2"])
        try loop.advanceUntilIdle(limit: .seconds(1_000_000))
        #expect(order.entries == ["1", "2", "30"])
    }

    @Test("T17: the loop is current where it is driven, and only meanwhile")
    func current() throws {
        let loop = VirtualLoop()
        let order = OrderRecorder()
        loop.post { order.record("\(loop.isCurrent && CurrentLoop.current === loop)") }
        try loop.runUntilIdle()
        #expect(order.entries == ["true"])
        #expect(!loop.isCurrent)
    }

    @Test("actors and tasks run on it, in virtual time, cancellation included")
    func executors() async throws {
        let loop = VirtualLoop()
        let order = OrderRecorder()
        let sleeper = Task(executorPreference: loop) {
            try await loop.clock.sleep(for: .seconds(10))
            order.record("woke at \(loop.now), current: \(loop.isCurrent)")
        }
        let cancelled = Task(executorPreference: loop) {
            do { try await loop.clock.sleep(for: .seconds(5)) } catch { order.record("cancelled at \(loop.now)") }
        }
        try loop.advance(by: .seconds(1))
        cancelled.cancel()
        try loop.advance(by: .seconds(1))
        #expect(order.entries == ["cancelled at 1.0 s"])
        #expect(loop.pendingTimers == 1)
        try loop.advance(by: .seconds(20))
        #expect(order.entries == ["cancelled at 1.0 s", "woke at 10.0 s, current: true"])
        try await sleeper.value
        await cancelled.value

        let actor = Resident(loop)
        let answer = Task { await actor.isOnLoop() }
        #expect(await eventually { loop.pendingWork > 0 })
        try loop.runUntilIdle()
        #expect(await answer.value)
    }

    private actor Resident {
        let loop: VirtualLoop
        nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }
        init(_ loop: VirtualLoop) { self.loop = loop }
        func isOnLoop() -> Bool { loop.isCurrent }
    }

    @Test("K3: stopping fails what is pending with LoopClosed; later posts are refused, later jobs still run")
    func stop() async throws {
        let loop = VirtualLoop(name: "over")
        let order = OrderRecorder()
        let sleep = Future<Void>.sleep(for: .seconds(1), on: loop)
        sleep.callback(on: loop) { _ in order.record("told") }
        loop.post { order.record("accepted") }
        loop.stop()
        await #expect(throws: LoopClosed.self) { try await sleep.value }
        #expect(order.entries == ["accepted", "told"])
        let isAccepted = loop.tryPost {}
        #expect(!isAccepted)
        #expect(await Task(executorPreference: loop) { loop.isCurrent }.value)
        let never = Promise<Int>()
        #expect(throws: LoopClosed.self) { try loop.run(until: never.future) }
        never.succeed(1)
    }

    @Test("a hook gets its turns")
    func hook() throws {
        let loop = VirtualLoop()
        let order = OrderRecorder()
        loop.attach(turnHook: {
            order.record("hook")
            return order.count < 3
        })
        loop.post { loop.setNeedsTurn() }
        try loop.runUntilIdle()
        #expect(order.entries == ["hook", "hook", "hook"])
    }
}
