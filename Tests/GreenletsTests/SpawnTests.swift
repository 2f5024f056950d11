// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

@Suite("Starting greenlets")
struct SpawnTests {
    @Test("V9: spawn returns before the body runs; a paused greenlet runs when it is started, once")
    func starting() async throws {
        try await onVirtualLoop { (loop) throws in
            let order = OrderRecorder()
            let spawned = Greenlet.spawn(on: loop) { order.record("spawned") }
            let paused = Greenlet.paused(on: loop) { order.record("paused") }
            order.record("returned")
            try loop.runUntilIdle()
            #expect(order.entries == ["returned", "spawned"])
            for _ in 0..<2 { paused.start() }
            try loop.runUntilIdle()
            paused.start()
            spawned.start()
            try loop.runUntilIdle()
            #expect(order.entries == ["returned", "spawned", "paused"])
        }
    }

    @Test(
        "V9: a delayed greenlet starts by its loop's clock; a kill before that is its end, and the loop's end is, too"
    )
    func delayed() async throws {
        try await onVirtualLoop { (loop) throws in
            let order = OrderRecorder()
            let late = Greenlet.spawnLater(.seconds(2), on: loop) { order.record("at \(loop.now.nanoseconds)") }
            let killed = Greenlet.spawnLater(.seconds(1), on: loop) { order.record("killed") }
            let lost = Greenlet.spawnLater(.seconds(100), on: loop) { order.record("lost") }
            Greenlet.spawnLater(.seconds(1), on: loop) { order.record("dropped handle") }
            killed.kill()
            try loop.advance(by: .seconds(3))
            #expect(order.entries == ["dropped handle", "at 2000000000"])
            #expect(late.isSuccessful && killed.isDead && !lost.isDead)
            loop.stop()
            #expect(failure(lost) is LoopClosed && failure(killed) is CancellationError)
            #expect(loop.pendingTimers == 0)
        }
    }

    @Test(
        "V9: what a greenlet says of itself before the start, after it, while it runs, when it has returned or thrown"
    )
    func states() async throws {
        try await onVirtualLoop { (loop) throws in
            let states = OrderRecorder()
            let gate = Promise<Void>()
            func note(_ greenlet: Greenlet<Int>) {
                let outcome = greenlet.outcome.map { if case .success(let n) = $0 { "\(n)" } else { "error" } } ?? "-"
                states.record("\(greenlet.isStarted) \(greenlet.isDead) \(greenlet.isSuccessful) \(outcome)")
            }
            let good = Greenlet.paused(on: loop) { () throws -> Int in
                try gate.future.wait()
                return 1
            }
            let bad = Greenlet.paused(on: loop) { () throws -> Int in
                try gate.future.wait()
                throw Oops()
            }
            bad.callback { _ in }
            note(good)
            for greenlet in [good, bad] { greenlet.start() }
            note(good)
            try loop.runUntilIdle()
            note(good)
            gate.succeed(())
            try loop.runUntilIdle()
            note(good)
            note(bad)
            #expect(
                states.entries == [
                    "false false false -", "true false false -", "true false false -", "false true true 1",
                    "false true false error",
                ]
            )
        }
    }

    @Test(
        "V9, V13: a paused greenlet may be killed, cancelled and waited for; it never runs then, and may not be started"
    )
    func pausedEnds() async throws {
        try await onVirtualLoop { (loop) throws in
            let (ran, ended) = (Counter(), Counter())
            let made = (0..<3).map { _ in
                Greenlet.paused(on: loop) { [sentinel = Sentinel(ended)] in
                    sentinel.use()
                    ran.add()
                }
            }
            made[0].kill()
            made[1].future().cancel()
            let joiner = Greenlet.spawn(on: loop) { for greenlet in made { try greenlet.join() } }
            try loop.runUntilIdle()
            #expect(made[0].isDead && made[1].isDead && !made[2].isDead && !joiner.isDead)
            for greenlet in made { greenlet.start() }
            try loop.runUntilIdle()
            #expect(joiner.isDead && ran.value == 1 && ended.value == 3)
            #expect(failure(made[0]) is CancellationError && failure(made[1]) is CancellationError)
        }
    }

    @Test("V9: a paused greenlet that nobody starts fails its waiters with BrokenPromise, and its loop may go")
    func dropped() async throws {
        let (future, ended) = (Promise<Void>(), Counter())
        weak var loop: VirtualLoop?
        do {
            let owned = VirtualLoop(name: "short")
            loop = owned
            let paused = Greenlet.paused(on: owned) { [sentinel = Sentinel(ended)] in sentinel.use() }
            paused.callback { future.complete(with: $0) }
        }
        await #expect(throws: BrokenPromise.self) { try await future.future.value }
        #expect(ended.value == 1)
        #expect(await eventually { loop == nil })
    }

    @Test("V3, V9: paused greenlets that were started are seen in a circle of joins")
    func circle() async throws {
        try await onVirtualLoop { (loop) throws in
            let others = Log<Greenlet<Void>>()
            let errors = Counter()
            for index in 0..<2 {
                others.add(
                    Greenlet.paused(on: loop) {
                        do { try others.entries[1 - index].join() } catch is Deadlock { errors.add() }
                    }
                )
            }
            for greenlet in others.entries { greenlet.start() }
            try loop.runUntilIdle()
            #expect(errors.value == 1 && others.entries.allSatisfy(\.isDead))
        }
    }

    @Test("EV7: a greenlet's timer is dropped with it, a loop's is called; timers of one instant keep their order")
    func timers() async throws {
        try await onVirtualLoop { (loop) throws in
            let order = OrderRecorder()
            let brief = Greenlet.spawn(on: loop) {
                try Greenlet.schedule(after: .seconds(1)) { order.record("of the dead") }
                _ = loop.schedule(at: LoopInstant(nanoseconds: 1_000_000_000)) { order.record("of the loop") }
            }
            let lasting = Greenlet.spawn(on: loop) {
                for name in ["a", "b", "c"] { try Greenlet.schedule(after: .seconds(2)) { order.record(name) } }
                try Greenlet.schedule(after: .seconds(2)) { order.record("cancelled") }.cancel()
                for _ in 0..<1_000 { try Greenlet.schedule(after: .seconds(9)) {}.cancel() }
                #expect(loop.pendingTimers <= 501 + 4)
                try Greenlet.sleep(for: .seconds(3))
            }
            try loop.run(until: lasting)
            #expect(brief.isDead && order.entries == ["of the loop", "a", "b", "c"])
            #expect(lasting.future()._observers == 0)
        }
        _ = try await onThread { #expect(throws: GreenletMisuse.self) { try Greenlet.schedule(after: .zero) {} } }
    }

    @Test("EV3: a greenlet for anything awaitable has its outcome; killing it cancels that, a task, too")
    func awaitables() async throws {
        try await onLoop { loop in
            let started = Promise<Void>()
            let never = Promise<Int>()
            let task = Task { () async throws -> Int in
                started.succeed(())
                return try await never.future.value
            }
            let ofTask = Greenlet.spawn(for: task, on: loop)
            try await started.future.value
            ofTask.kill()
            await #expect(throws: CancellationError.self) { try await ofTask.value }
            await #expect(throws: CancellationError.self) { try await task.value }
            let promise = Promise<Int>()
            let ofPromise = Greenlet.spawn(for: promise.future, on: loop)
            promise.fail(Oops(number: 3))
            await #expect(throws: Oops(number: 3)) { try await ofPromise.value }
            let ofCall = Greenlet.spawn(for: Call<Int>(async: { 4 }), on: loop)
            #expect(try await ofCall.value == 4)
            let complete = Greenlet.spawn(for: Future.succeeded(5), on: loop)
            #expect(try await complete.value == 5)
        }
    }
}

func failure(_ greenlet: Greenlet<some Any>) -> (any Error)? {
    if case .failure(let error)? = greenlet.outcome { error } else { nil }
}
