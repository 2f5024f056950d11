// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Loops
import Testing

@Suite("Running an IOLoop")
struct RunTests {
    @Test("T15: run(until:) returns the value, throws the error, makes the loop current, and can be used again")
    func runUntil() async throws {
        try await onThread {
            let loop = try IOLoop()
            let promise = Promise<Int>()
            loop.post { promise.succeed(loop.isCurrent && CurrentLoop.current === loop ? 1 : 0) }
            #expect(try loop.run(until: promise.future) == 1)
            #expect(!loop.isCurrent)
            #expect(CurrentLoop.current == nil)
            struct Oops: Error {}
            let failing = Promise<Int>()
            loop.post { failing.fail(Oops()) }
            #expect(throws: Oops.self) { try loop.run(until: failing.future) }
            #expect(try loop.run(until: Future.succeeded(3)) == 3)
        }
    }

    @Test("T15: run(until:) throws TimedOut when time is up, and leaves the source running")
    func runUntilTimesOut() async throws {
        try await onThread {
            let loop = try IOLoop()
            let promise = Promise<Int>()
            #expect(throws: TimedOut.self) { try loop.run(until: promise.future, timeout: .milliseconds(5)) }
            #expect(!promise.future.isCompleted)
            promise.succeed(1)
            #expect(try loop.run(until: promise.future, timeout: .milliseconds(5)) == 1)
        }
    }

    @Test("T15, E3: run(until:) throws LoopClosed when somebody stops the loop")
    func runUntilStopped() async throws {
        try await onThread {
            let loop = try IOLoop(name: "stopped early")
            let promise = Promise<Int>()
            loop.post { loop.stop() }
            let error = #expect(throws: LoopClosed.self) { try loop.run(until: promise.future) }
            #expect(error?.loop == "stopped early")
            promise.succeed(1)
        }
    }

    @Test("T14, E3: a stop before the run is kept and makes the run return at once")
    func stopBeforeRun() async throws {
        try await onThread {
            let loop = try IOLoop()
            loop.stop()
            try loop.run()
            try loop.run()
        }
    }

    @Test("T14, E2: running a loop that runs is an error, from inside and from another thread")
    func nestedRun() async throws {
        try await onThread {
            let loop = try IOLoop()
            let inner = Lock<[CannotRunLoop.Reason]>([])
            let attempt: @Sendable (IOLoop) -> Void = { other in
                do { try other.run() } catch {
                    inner.withLock { $0.append((error as! CannotRunLoop).reason) }
                }
            }
            let other = try IOLoop()
            let done = Promise<Void>()
            loop.post {
                attempt(loop)
                attempt(other)
                Task.detached {
                    try await onThread { attempt(loop) }
                    done.succeed(())
                }
            }
            try loop.run(until: done.future)
            #expect(inner.withLock { $0 } == [.alreadyRunning, .insideLoop(loop.name), .alreadyRunning])
        }
    }

    @Test("T11: an idle loop wakes at once from its own thread and from others, first in, first out")
    func postingIsFIFO() async throws {
        let loop = try IOLoop.onOwnThread()
        defer { loop.stop() }
        let order = OrderRecorder()
        for number in 0..<1000 { loop.post { order.record("\(number)") } }
        #expect(await eventually { order.count == 1000 })
        #expect(order.entries == (0..<1000).map { "\($0)" })
    }

    @Test("E6: timers with equal deadlines fire in the order they were set")
    func equalDeadlines() async throws {
        let loop = try IOLoop.onOwnThread()
        defer { loop.stop() }
        let order = OrderRecorder()
        let deadline = loop.now.advanced(by: .milliseconds(3))
        for number in 0..<50 { _ = loop.schedule(at: deadline) { order.record("\(number)") } }
        #expect(await eventually { order.count == 50 })
        #expect(order.entries == (0..<50).map { "\($0)" })
    }
}

actor OnLoop {
    let loop: any ExecutingLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }
    init(_ loop: any ExecutingLoop) { self.loop = loop }
    func isOnLoop() -> Bool { loop.isCurrent }
}

@Suite("Loops as Swift executors")
struct ExecutorTests {
    @Test("actors live on a loop, tasks prefer it, and assumeIsolated works in callbacks")
    func identities() async throws {
        let loop = try IOLoop.onOwnThread()
        defer { loop.stop() }
        let actor = OnLoop(loop)
        #expect(await actor.isOnLoop())
        #expect(await Task(executorPreference: loop) { loop.isCurrent }.value)
        let done = Promise<Bool>()
        loop.post { done.succeed(actor.assumeIsolated { $0.loop.isCurrent }) }
        #expect(try await done.future.value)
    }
}
