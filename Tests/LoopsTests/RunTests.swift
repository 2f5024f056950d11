// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Loops
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

@Suite("Running an IOLoop")
struct RunTests {
    @Test("T15: run(until:) returns the value, throws the error, makes the loop current, and can be used again")
    func runUntil() async throws {
        try await onThread {
            let loop = try IOLoop()
            defer { loop.stop() }
            let promise = Promise<Int>()
            loop.post { promise.succeed(loop.isCurrent && CurrentLoop.current === loop ? 1 : 0) }
            #expect(try loop.run(until: promise.future) == 1)
            #expect(!loop.isCurrent)
            #expect(CurrentLoop.current == nil)
            let failing = Promise<Int>()
            loop.post { failing.fail(Oops("run")) }
            #expect(throws: Oops.self) { try loop.run(until: failing.future) }
            #expect(try loop.run(until: Future.succeeded(3)) == 3)
        }
    }

    @Test("T15: run(until:) throws TimedOut when time is up, and leaves the source running")
    func runUntilTimesOut() async throws {
        try await onThread {
            let loop = try IOLoop()
            defer { loop.stop() }
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
            defer { loop.stop() }
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
            defer { loop.stop() }
            let inner = Lock<[CannotRunLoop.Reason]>([])
            let attempt: @Sendable (IOLoop) -> Void = { other in
                do { try other.run() } catch {
                    inner.withLock { $0.append((error as! CannotRunLoop).reason) }
                }
            }
            let other = try IOLoop()
            defer { other.stop() }
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

    @Test("T14: run in a task, in a greenlet's place and in an observer throws, and leaves the loop usable")
    func refusedPlaces() async throws {
        let loop = try IOLoop(name: "picky")
        defer { loop.stop() }
        func inTask() throws { try loop.run() }
        let error = #expect(throws: CannotRunLoop.self) { try inTask() }
        #expect(error?.reason == .insideTask)
        #expect("\(error!)".contains("picky"))
        try await onThread { () throws -> Void in
            let promise = Promise<Void>()
            let reason = Cell<CannotRunLoop.Reason?>(nil)
            promise.future.callback { _ in
                do { try loop.run() } catch { reason.value = (error as? CannotRunLoop)?.reason }
            }
            promise.succeed(())
            #expect(reason.value == .insideObserver)
            #expect(try loop.run(until: Future.succeeded(1)) == 1)
        }
    }

    @Test("E2: a loop with nothing to watch waits, and a completion from another thread wakes it")
    func waitsWhenEmpty() async throws {
        try await onThread {
            let loop = try IOLoop()
            defer { loop.stop() }
            let promise = Promise<Int>()
            loop.post {
                Task.detached {
                    // By now the loop has gone to sleep, or is about to: both must work.
                    await Task.yield()
                    promise.succeed(7)
                }
            }
            #expect(try loop.run(until: promise.future) == 7)
        }
    }

    @Test("T17: a loop is current only where it runs")
    func currentOnlyWhereItRuns() async throws {
        try await withLoop { loop in
            #expect(!loop.isCurrent)
            let inside = try await loop.submit { CurrentLoop.current === loop && loop.isCurrent }.value
            #expect(inside)
            let elsewhere = try await onThread { CurrentLoop.current == nil && !loop.isCurrent }
            #expect(elsewhere)
        }
    }

    @Test("T17: making and closing loops over and over leaks no descriptor, also from two threads at once")
    func cyclesLeakNothing() async {
        await #expect(processExitsWith: .success) {
            @Sendable func cycles() throws {
                for index in 0..<100 {
                    let loop = try IOLoop()
                    loop.post {}
                    _ = loop.schedule(after: .seconds(100)) {}
                    if index % 2 == 0 {
                        loop.stop()
                    } else {
                        try loop.run(until: Future<Void>.sleep(for: .zero, on: loop))
                    }
                    let threaded = try IOLoop.onOwnThread()
                    threaded.stop()
                    try threaded.stopped.wait()
                }
            }
            try await onThread { try cycles() }
            let before = openDescriptors()
            async let first: Void = onThread { try cycles() }
            async let second: Void = onThread { try cycles() }
            _ = try await (first, second)
            // The thread of a loop lets go of it just after the loop has ended.
            let isClean = await eventually { openDescriptors() <= before }
            #expect(isClean)
            exit(isClean ? 0 : 1)
        }
    }

    @Test("K7: the shared loop starts itself once, from any thread, and cannot be stopped")
    func shared() async throws {
        let loops = await withTaskGroup { group in
            for _ in 0..<8 { group.addTask { ObjectIdentifier(IOLoop.shared) } }
            return await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(loops.count == 1)
        let reports = ReportCollector(containing: "stop() of the shared loop")
        IOLoop.shared.stop()
        #expect(await reports.settledReports().count == 1)
        #expect(try await IOLoop.shared.submit { IOLoop.shared.isCurrent }.value)
    }

    @Test("T10: the shared loop is named in short wherever an executor or a loop is expected")
    func sharedInShort() async throws {
        let promise = Promise<Int>()
        let here = promise.future.delivered(on: .shared).map { _ in IOLoop.shared.isCurrent }
        promise.succeed(1)
        #expect(try await here.value)
        try await Future<Void>.sleep(for: .zero, on: .shared).value
        #expect(try await Call<Int> { $0.succeed(1) }.on(.shared).value == 1)
    }

    /// A call that never ends, and what has become of its runs.
    private final class Endless: Sendable {
        let started = Counter()
        let cancelled = Counter()
        var call: Call<Int> {
            Call { [self] promise in
                started.add()
                promise.onCancel { [self] in
                    cancelled.add()
                    _ = promise
                }
            }
        }
    }

    @Test("T15: a call that is run until a timeout, or until the loop stops, is cancelled; a future is left running")
    func callIsCancelled() async throws {
        try await onThread {
            let (loop, endless) = (try IOLoop(), Endless())
            let error = #expect(throws: TimedOut.self) { try loop.run(until: endless.call, timeout: .milliseconds(1)) }
            #expect(error?.cancelling == true)
            #expect(endless.cancelled.value == 1)
            loop.post { loop.stop() }
            #expect(throws: LoopClosed.self) { try loop.run(until: endless.call) }
            #expect(endless.cancelled.value == 2)
            // On a loop that has been stopped it is not even started.
            #expect(throws: LoopClosed.self) { try loop.run(until: endless.call) }
            #expect(endless.started.value == 2)

            let (virtual, promise) = (VirtualLoop(), Promise<Int>())
            #expect(throws: TimedOut.self) { try virtual.run(until: endless.call, timeout: .seconds(1)) }
            #expect(endless.cancelled.value == 3)
            #expect(throws: TimedOut.self) { try virtual.run(until: promise.future, timeout: .seconds(1)) }
            #expect(!promise.future.isCompleted)
            promise.succeed(1)
            virtual.stop()
            #expect(throws: LoopClosed.self) { try virtual.run(until: endless.call) }
            #expect(endless.started.value == 3)
        }
    }
}
