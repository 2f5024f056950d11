// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Loops
import Testing

@Suite("Posting to an IOLoop")
struct PostingTests {
    @Test("T11, E1, B9: posting is first in, first out for each poster and wakes an idle loop from any thread")
    func firstInFirstOut() async throws {
        try await withLoop { loop in
            let order = OrderRecorder()
            async let a: Void = onThread { for number in 0..<1000 { loop.post { order.record("a\(number)") } } }
            async let b: Void = onThread { for number in 0..<1000 { loop.post { order.record("b\(number)") } } }
            _ = try await (a, b)
            #expect(await eventually { order.count == 2000 })
            for poster in ["a", "b"] {
                #expect(order.entries.filter { $0.hasPrefix(poster) } == (0..<1000).map { "\(poster)\($0)" })
            }
        }
    }

    @Test("T11: what a posted callback posts runs in the next turn")
    func nestedPostRunsLater() async throws {
        try await onThread {
            let loop = try IOLoop()
            defer { loop.stop() }
            let order = OrderRecorder()
            let done = Promise<Void>()
            loop.post {
                order.record("a1")
                loop.post {
                    order.record("nested")
                    done.succeed(())
                }
            }
            loop.post { order.record("a2") }
            // A timer that is due comes between the turns.
            _ = loop.schedule(at: loop.now) { order.record("timer") }
            try loop.run(until: done.future)
            #expect(order.entries == ["a1", "a2", "timer", "nested"])
        }
    }

    @Test("T11: work posted before the run runs in it")
    func postedBeforeRun() async throws {
        try await onThread {
            let loop = try IOLoop()
            defer { loop.stop() }
            let count = Counter()
            for _ in 0..<10 { loop.post { count.add() } }
            loop.post { loop.stop() }
            try loop.run()
            #expect(count.value == 10)
        }
    }

    @Test("T11, AG6: posting while the loop closes is never a crash; what was accepted has run, a refusal is known")
    func postingDuringClose() async throws {
        for _ in 0..<20 {
            let loop = try IOLoop.onOwnThread()
            let accepted = Counter()
            let ran = Counter()
            async let posters: Void = withTaskGroup { group in
                for _ in 0..<3 {
                    group.addTask {
                        _ = try? await onThread {
                            while loop.tryPost({ ran.add() }) { accepted.add() }
                        }
                    }
                }
            }
            loop.post { loop.stop() }
            await posters
            try await loop.stopped.value
            #expect(ran.value == accepted.value)
            let isLateAccepted = loop.tryPost {}
            #expect(!isLateAccepted)
            loop.post { Issue.record("ran after the end") }
        }
    }

    @Test("E4, B7: a callback that posts itself over and over starves neither timers nor descriptors")
    func selfPosting() async throws {
        try await onThread {
            let loop = try IOLoop()
            defer { loop.stop() }
            let pipe = TestPipe()
            let spins = Counter()
            @Sendable func again() {
                spins.add()
                loop.post(again)
            }
            loop.post(again)
            let timer = Future<Void>.sleep(for: .milliseconds(2), on: loop)
            try loop.run(until: timer, timeout: .seconds(60))
            pipe.send()
            let before = spins.value
            try loop.run(until: loop.readable(pipe.readEnd), timeout: .seconds(60))
            // The descriptor had to wait for a bounded number of callbacks, not for the end of them.
            #expect(spins.value - before < 2000)
        }
    }

    @Test("E4: a long inbox is worked off in bounded steps, with descriptors in between")
    func longInbox() async throws {
        try await onThread {
            let loop = try IOLoop()
            defer { loop.stop() }
            let pipe = TestPipe()
            let order = OrderRecorder()
            pipe.send()
            for number in 0..<10_000 { loop.post { if number == 9_999 { order.record("last") } } }
            let done = Promise<Void>()
            let watch = try loop.watch(pipe.readEnd, .read) {
                _ = pipe.receive()
                order.record("descriptor")
            }
            // Its event is installed behind the posts above: only the second look of the loop can find it.
            loop.post {
                for number in 0..<10_000 { loop.post { if number == 9_999 { done.succeed(()) } } }
            }
            try loop.run(until: done.future)
            watch.remove()
            #expect(order.entries == ["last", "descriptor"])
        }
    }

    @Test("posting from the loop's own thread, and to a loop that is awake, costs no wake-up")
    func wakeUpsAreCoalesced() async throws {
        try await withLoop { loop in
            let started = Promise<Void>()
            let go = Cell(false)
            loop.post {
                started.succeed(())
                _ = blockUntil { go.value }
            }
            try await started.future.value
            let before = loop.wakeUps
            for _ in 0..<100 { loop.post {} }
            go.value = true
            let inside = try await loop.submit {
                let before = loop.wakeUps
                for _ in 0..<100 { loop.post {} }
                return loop.wakeUps - before
            }.value
            #expect(inside == 0)
            #expect(loop.wakeUps - before <= 2)
        }
    }

    @Test("K4: a cancellation sent right after the submission still lands, on the loop's thread")
    func cancelAfterStart() async throws {
        try await withLoop { loop in
            let cancelledOnLoop = Cell<Bool?>(nil)
            let promise = Promise<Int>()
            let future = loop.start {
                promise.onCancel { cancelledOnLoop.value = loop.isCurrent }
                return promise.future
            }
            future.cancel()
            await #expect(throws: CancellationError.self) { try await future.value }
            #expect(cancelledOnLoop.value == true)
        }
    }

    @Test("K4: a closure that was cancelled before its turn never runs")
    func cancelBeforeTurn() async throws {
        try await onThread {
            let loop = try IOLoop()
            defer { loop.stop() }
            let ran = Counter()
            let first = loop.submit { ran.add() }
            let second = loop.submit { ran.add() }
            #expect(first.cancel() == .stopped)
            #expect(try loop.run(until: second) == 1)
            #expect(first.isCancelled)
        }
    }

    @Test("AG8: task-local values do not leak to callbacks on a loop, and parallel tasks on it keep their own")
    func taskLocals() async throws {
        try await withLoop { loop in
            let leaked = try await Local.$value.withValue("caller") { try await loop.submit { Local.value }.value }
            #expect(leaked == "none")
            let seen = await withTaskGroup { group in
                for number in 0..<20 {
                    group.addTask {
                        await Local.$value.withValue("\(number)") {
                            await Task(executorPreference: loop) {
                                await Task.yield()
                                return loop.isCurrent && Local.value == "\(number)"
                            }.value
                        }
                    }
                }
                return await group.reduce(true) { $0 && $1 }
            }
            #expect(seen)
        }
    }

    private enum Local {
        @TaskLocal static var value = "none"
    }
}
