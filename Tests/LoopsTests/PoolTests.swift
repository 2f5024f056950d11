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

@Suite("Worker pools")
struct PoolTests {
    @Test("T10: the result arrives on the loop that asked, the work runs elsewhere")
    func resultOnLoop() async throws {
        try await withLoop { loop in
            let pool = WorkerPool(size: 1)
            let places = Promise<(work: Bool, result: Bool)>()
            let isObserved = Cell(false)
            let work = loop.runInExecutor(pool) { () -> Bool in
                // One who observes an outcome that is there already is called where it stands.
                _ = blockUntil { isObserved.value }
                return loop.isCurrent
            }
            work.callback { outcome in places.complete(with: outcome.map { ($0, loop.isCurrent) }) }
            isObserved.value = true
            let (wasWork, wasResult) = try await places.future.value
            #expect(!wasWork)
            #expect(wasResult)
            await #expect(throws: Oops.self) { try await loop.runInExecutor(pool) { throw Oops("blocking") }.value }
            try await pool.shutdown().value
        }
    }

    @Test("T10: two blocking jobs really run at once")
    func parallel() async throws {
        try await withLoop { loop in
            let pool = WorkerPool(size: 2)
            let arrived = Counter()
            let job: @Sendable () -> Bool = {
                arrived.add()
                return blockUntil { arrived.value == 2 }
            }
            let (a, b) = (loop.runInExecutor(pool, job), loop.runInExecutor(pool, job))
            let (first, second) = (try await a.value, try await b.value)
            #expect(first && second)
            pool.shutdown()
        }
    }

    @Test("T10: the pool that is used by default can be replaced")
    func replaceable() async {
        await #expect(processExitsWith: .success) {
            WorkerPool.shared = WorkerPool(name: "mine", size: 1)
            WorkerPool.shared.shutdown()
            let loop = try IOLoop.onOwnThread()
            let error = await #expect(throws: PoolClosed.self) { try await loop.runInExecutor {}.value }
            #expect(error?.pool == "mine")
            precondition(error?.pool == "mine")
        }
    }

    @Test("T10: task-local values are not carried to the pool")
    func noTaskLocals() async throws {
        let seen = try await Local.$value.withValue("caller") {
            try await WorkerPool.shared.submit { Local.value }.value
        }
        #expect(seen == "none")
    }

    private enum Local {
        @TaskLocal static var value = "none"
    }

    /// A pool of one thread, which is held up until `release`.
    final class Held: Sendable {
        let pool: WorkerPool
        private let entered = Cell(false)
        private let isReleased = Cell(false)

        init(capacity: Int = 100) async {
            pool = WorkerPool(name: "held", size: 1, capacity: capacity)
            pool.submit { [entered, isReleased] in
                entered.value = true
                _ = blockUntil { isReleased.value }
            }.callback { _ in }
            let entered = entered
            _ = await eventually { entered.value }
        }

        func release() { isReleased.value = true }
    }

    @Test("C11: one job too many is refused by name, and so is one after the shutdown")
    func refusals() async throws {
        let held = await Held(capacity: 2)
        let queued = (0..<2).map { number in held.pool.submit { number } }
        let error = await #expect(throws: PoolSaturated.self) { try await held.pool.submit { 3 }.value }
        #expect(error?.capacity == 2)
        let ending = held.pool.shutdown()
        await #expect(throws: PoolClosed.self) { try await held.pool.submit { 4 }.value }
        #expect(!ending.isCompleted)
        held.release()
        #expect(try await queued[0].value == 0)
        #expect(try await queued[1].value == 1)
        try await ending.value
        try await held.pool.shutdown().value
    }

    @Test("a shutdown can fail the queued jobs instead of running them")
    func cancellingShutdown() async throws {
        let held = await Held()
        let queued = held.pool.submit { 1 }
        let ending = held.pool.shutdown(cancellingQueued: true)
        await #expect(throws: PoolClosed.self) { try await queued.value }
        held.release()
        try await ending.value
    }

    @Test("AG7: cancelling removes a queued job; one that already runs is too late to stop, and its result counts")
    func cancellation() async throws {
        try await withLoop { loop async throws -> Void in
            let held = await Held()
            let ran = Counter()
            let queued = loop.runInExecutor(held.pool) { ran.add() }
            let last = loop.runInExecutor(held.pool) { ran.add(10) }
            #expect(queued.cancel() == .stopped)
            #expect(held.pool.queued == 1)
            held.release()
            #expect(try await last.value == 10)
            #expect(queued.isCancelled)
            let (entered, leave) = (Cell(false), Cell(false))
            let running = loop.runInExecutor(held.pool) {
                entered.value = true
                return blockUntil { leave.value }
            }
            #expect(await eventually { entered.value })
            #expect(running.cancel() == .tooLate)
            leave.value = true
            #expect(try await running.value)
        }
    }

    @Test("C11, B4: waiting on a pool's only thread for that pool's queued job is refused before it can deadlock")
    func selfDeadlock() async throws {
        try await withLoop { loop in
            let pool = WorkerPool(name: "single", size: 1)
            for index in 0..<2 {
                let text = try await pool.submit {
                    let inner = index == 0 ? pool.submit { 1 } : loop.runInExecutor(pool) { 1 }.map { $0 + 1 }
                    do { return "\(try inner.wait())" } catch { return "\(error)" }
                }.value
                #expect(text.contains("WouldDeadlock"))
                #expect(text.contains("single"))
            }
            // A wait that something else ends is legal.
            #expect(try await pool.submit { try loop.submit { 5 }.wait() }.value == 5)
            let wide = WorkerPool(size: 2)
            #expect(try await wide.submit { try wide.submit { 6 }.wait() }.value == 6)
        }
    }

    @Test("C11, B4: the last thread of a pool that would wait for its jobs is refused, the others get their results")
    func mutualDeadlock() async throws {
        let pool = WorkerPool(name: "two", size: 2)
        let entered = Counter()
        let jobs = (0..<2).map { _ in
            pool.submit { () -> String in
                // Both threads are taken, so that both inner jobs are queued.
                entered.add()
                guard blockUntil({ entered.value == 2 }) else { return "alone" }
                let inner = pool.submit { 1 }
                do { return "\(try inner.wait(timeout: .seconds(60)))" } catch { return "\(error)" }
            }
        }
        let texts = [try await jobs[0].value, try await jobs[1].value]
        #expect(texts.count { $0 == "1" } == 1)
        #expect(texts.contains { $0.contains("WouldDeadlock") && $0.contains("two") })
        try await pool.shutdown().value
    }

    @Test("C11: a thread of a pool that has given up waiting for a job is not counted among those that wait")
    func endedWait() async throws {
        let pool = WorkerPool(size: 2)
        let (gaveUp, leave) = (Cell(false), Cell(false))
        let blocker = pool.submit { () -> Bool in
            // The other thread's job waits for this one, for a short while.
            blockUntil { leave.value }
        }
        let impatient = pool.submit { () -> Bool in
            #expect(throws: TimedOut.self) { try blocker.wait(timeout: .milliseconds(1)) }
            gaveUp.value = true
            return blockUntil { leave.value }
        }
        #expect(await eventually { gaveUp.value })
        let queued = pool.submit { 7 }
        leave.value = true
        #expect(try await queued.value == 7)
        let (first, second) = (try await blocker.value, try await impatient.value)
        #expect(first && second)
        // Nobody waits any more: one thread may wait for the other.
        #expect(try await pool.submit { try pool.submit { 8 }.wait() }.value == 8)
        try await pool.shutdown().value
    }

    #if os(Linux)
    // A sanitizer maps memory as it goes, and ends the process where it gets none.
    @Test(
        "a thread that cannot be started is an error with a name, for pools and for loops",
        .enabled(if: !isSanitized)
    )
    func noThread() async {
        await #expect(processExitsWith: .success) {
            _ = try await WorkerPool.shared.submit {}.value
            // Room for what the test allocates, not for a thread's stack.
            var limit = rlimit()
            let pages = try #require(pagesInUse())
            limit.rlim_cur = rlim_t(pages * 4096 + 2 << 20)
            limit.rlim_max = limit.rlim_cur
            unsafe setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
            let pool = WorkerPool(name: "poor", size: 2)
            let error = await #expect(throws: ThreadUnavailable.self) { try await pool.submit {}.value }
            precondition(error?.thread == "sy-poor")
            #expect(throws: ThreadUnavailable.self) { try IOLoop.onOwnThread() }
            // One thread does the work of two.
            try await WorkerPool.shared.submit {}.value
        }
    }
    #endif

    @Test("K3, K10, AG5: stopping the loop fails those who wait for it inside the pool, and then the pool can end")
    func shutdownOrder() async throws {
        let pool = WorkerPool(size: 1)
        let loop = try IOLoop.onOwnThread()
        let waiting = Cell(false)
        let job = pool.submit {
            waiting.value = true
            try Future<Void>.sleep(for: .seconds(1000), on: loop).wait()
        }
        #expect(await eventually { waiting.value })
        // From the loop's own thread, which nobody joins.
        let ending = try await loop.submit {
            let ending = pool.shutdown()
            loop.stop()
            return ending
        }.value
        await #expect(throws: LoopClosed.self) { try await job.value }
        try await ending.value
    }

    @Test("C10, K3: a job whose loop stops fails with LoopClosed, and its late result is dropped")
    func loopGone() async throws {
        let held = await Held()
        let loop = try IOLoop.onOwnThread()
        let future = loop.runInExecutor(held.pool) { 1 }
        loop.stop()
        await #expect(throws: LoopClosed.self) { try await future.value }
        held.release()
        try await held.pool.shutdown().value
    }
}

#if os(Linux)
/// How many pages of memory are mapped.
private func pagesInUse() -> Int? {
    var bytes = [UInt8](repeating: 0, count: 128)
    let descriptor = unsafe open("/proc/self/statm", O_RDONLY)
    let count = unsafe read(descriptor, &bytes, bytes.count)
    close(descriptor)
    guard count > 0 else { return nil }
    return Int(String(decoding: bytes.prefix { $0 != 32 }, as: UTF8.self))
}
#endif
