// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Loops
import Testing

@Suite("The end of a loop")
struct StopTests {
    @Test(
        "K3: stopping fails what is pending with LoopClosed, wakes who waits, and fails what comes afterwards at once"
    )
    func failsPending() async throws {
        let loop = try IOLoop.onOwnThread(name: "ending")
        let sleep = Future<Void>.sleep(for: .seconds(1000), on: loop)
        let kept = try await loop.submit { 42 }.future().map { $0 }.value
        let finished = loop.submit { 43 }
        try await finished.map { _ in }.value
        let blocked = Task { try await onThread { try sleep.wait() } }
        loop.stop()
        let error = await #expect(throws: LoopClosed.self) { try await blocked.value }
        #expect(error?.loop == "ending")
        try await loop.stopped.value
        for late in [
            Future<Void>.sleep(for: .zero, on: loop), loop.submit {}, loop.start { Future<Void>.succeeded(()) },
        ] {
            #expect(late.isCompleted)
            await #expect(throws: LoopClosed.self) { try await late.value }
        }
        // Results already in hand stay.
        #expect(kept == 42)
        #expect(try finished.outcome?.get() == 43)
    }

    @Test("E3: callbacks that were accepted before the stop still run, those that follow from its failures too")
    func acceptedStillRuns() async throws {
        let loop = try IOLoop.onOwnThread()
        let order = OrderRecorder()
        let sleep = Future<Void>.sleep(for: .seconds(1000), on: loop)
        sleep.callback(on: loop) { outcome in
            if case .failure(let error) = outcome, error is LoopClosed {
                order.record("observer, current: \(loop.isCurrent)")
            }
        }
        // Both from one callback: another thread's second post might come after the stop.
        loop.post {
            loop.post {
                loop.stop()
                loop.post { order.record("posted after the stop") }
            }
            loop.post { order.record("posted before") }
        }
        try await loop.stopped.value
        #expect(order.entries == ["posted before", "posted after the stop", "observer, current: true"])
    }

    @Test("E3: a loop that posts to itself for ever still stops")
    func endlessPoster() async throws {
        let loop = try IOLoop.onOwnThread()
        @Sendable func again() { loop.post(again) }
        loop.post(again)
        loop.stop()
        try await loop.stopped.value
    }

    @Test("K3, AG6: stopping a loop that nobody runs fails what is pending on the calling thread")
    func stopWhileIdle() async throws {
        let loop = try IOLoop()
        defer { loop.stop() }
        let sleep = Future<Void>.sleep(for: .seconds(1000), on: loop)
        loop.stop()
        #expect(sleep.isCompleted)
        await #expect(throws: LoopClosed.self) { try await sleep.value }
        #expect(loop.stopped.isCompleted)
        try await onThread {
            let never = Promise<Int>()
            #expect(throws: LoopClosed.self) { try loop.run(until: never.future) }
            never.succeed(1)
        }
    }

    @Test("AG5: stopping a loop from its own thread does not wait for that thread")
    func stopFromInside() async throws {
        let loop = try IOLoop.onOwnThread()
        try await loop.submit {
            loop.stop()
            loop.stop()
        }.value
        try await loop.stopped.value
    }

    @Test("the actors of a stopped loop still get their jobs, one after the other, isolated as before")
    func retirement() async throws {
        let loop = try IOLoop.onOwnThread()
        let actor = OnLoop(loop)
        #expect(await actor.note(0))
        loop.stop()
        try await loop.stopped.value
        await withTaskGroup { group in
            for number in 1...200 { group.addTask { #expect(await actor.note(number)) } }
        }
        #expect(await actor.log.sorted() == Array(0...200))
        #expect(await Task(executorPreference: loop) { loop.isCurrent }.value)
    }

    @Test("jobs that are queued when the loop stops are not lost")
    func jobsDuringStop() async throws {
        for _ in 0..<20 {
            let loop = try IOLoop.onOwnThread()
            let actor = OnLoop(loop)
            async let all: Void = withTaskGroup { group in
                for number in 0..<50 { group.addTask { #expect(await actor.note(number)) } }
            }
            loop.stop()
            await all
            #expect(await actor.log.count == 50)
        }
    }

    @Test("a hook of a loop gets its turns, keeps the loop awake while it has more, and is run out at the end")
    func turnHook() async throws {
        try await onThread {
            let loop = try IOLoop()
            defer { loop.stop() }
            let calls = Counter()
            let wanted = Cell(10)
            let ten = Promise<Void>()
            let isAttached = loop.attach(turnHook: {
                if calls.add() == 10 { ten.succeed(()) }
                return calls.value < wanted.value
            })
            #expect(isAttached)
            let done = Promise<Void>()
            loop.post { loop.setNeedsTurn() }
            try loop.run(until: ten.future)
            #expect(calls.value == 10)
            wanted.value = 25
            loop.post {
                loop.setNeedsTurn()
                loop.stop()
                done.succeed(())
            }
            try loop.run()
            #expect(calls.value == 25)
            let isAttachedLate = loop.attach(turnHook: { false })
            #expect(!isAttachedLate)
        }
    }

    @Test("a hook that always has more starves neither timers nor descriptors nor callbacks")
    func busyHook() async throws {
        try await onThread {
            let loop = try IOLoop()
            defer { loop.stop() }
            let pipe = TestPipe()
            loop.attach(turnHook: { true })
            loop.post { loop.setNeedsTurn() }
            pipe.send()
            try loop.run(until: loop.readable(pipe.readEnd), timeout: .seconds(60))
            try loop.run(until: Future<Void>.sleep(for: .milliseconds(1), on: loop), timeout: .seconds(60))
            try loop.run(until: loop.submit {}, timeout: .seconds(60))
        }
    }

    @Test("the attachment of a loop is made once")
    func attachment() async throws {
        final class Hub: Sendable {}
        let loop = try IOLoop()
        defer { loop.stop() }
        let hubs = await withTaskGroup { group in
            for _ in 0..<8 { group.addTask { ObjectIdentifier(loop.attachment { Hub() }) } }
            return await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(hubs.count == 1)
    }

    /// What is to follow on a loop that is released before it came to it.
    private func abandoned(_ loop: any Loop) async -> [Future<Int>] {
        let source = Promise<Int>()
        let delivered = source.future.delivered(on: loop)
        let called = Promise<Int>()
        source.future.callback(on: loop) { outcome in called.complete(with: outcome) }
        let started = Call<Int> { $0.succeed(1) }.on(loop).future()
        source.succeed(1)
        return [delivered, called.future, started]
    }

    @Test("C10, B5: what a loop has accepted and is released with, unstopped, ends with LoopClosed")
    func releasedUnstopped() async throws {
        let makers: [() throws -> any Loop] = [{ try IOLoop(name: "released") }, { VirtualLoop(name: "released") }]
        for makeLoop in makers {
            let pending = await abandoned(try makeLoop())
            for future in pending {
                let error = await #expect(throws: LoopClosed.self) { try await future.value }
                #expect(error?.loop == "released")
            }
        }
    }

    @Test("E10: an operation that was started on a loop does not keep it alive, and can be cancelled when it is gone")
    func startedAndReleased() async throws {
        for makeLoop in [{ try IOLoop() }, { VirtualLoop() }] as [() throws -> any Loop] {
            let started = try makeLoop().start { Promise<Int>().future }
            started.cancel()
            await #expect(throws: LoopClosed.self) { try await started.value }
        }
    }

    /// An actor that does not keep its loop.
    private actor Guest {
        private unowned let loop: IOLoop
        nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }
        init(_ loop: IOLoop) { self.loop = loop }
        func visit(_ visited: Promise<Void>) { visited.succeed(()) }
    }

    @Test("a loop lives until the jobs it has begun to work off have run, also when nobody holds it")
    func jobsInHalfABatch() async throws {
        weak var kept: IOLoop?
        let (visited, ran) = (Promise<Void>(), Counter())
        try await {
            let loop = try IOLoop()
            kept = loop
            let first = Promise<Void>()
            loop.post { first.succeed(()) }
            // More than a turn's worth, and the job behind it.
            for _ in 0..<1000 { loop.post { ran.add() } }
            let guest = Guest(loop)
            Task { await guest.visit(visited) }
            #expect(await eventually { loop.pendingPosts == 1002 })
            try await onThread { try loop.run(until: first.future) }
            #expect(ran.value < 1000)
        }()
        let loop = try #require(kept)
        try await onThread { try loop.run(until: visited.future) }
        #expect(ran.value == 1000)
    }
}
