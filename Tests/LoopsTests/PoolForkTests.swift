// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

// ThreadSanitizer bears no new thread in a forked child.
#if os(Linux) && !SWITCHYARD_PTHREAD_LOCK
import ConversionTesting
import Futures
import Glibc
import Loops
import Testing

@Suite("Worker pools in forked processes")
struct PoolForkTests {
    @Test("V29, K13: pools work in a child that was forked while their threads began, worked and slept")
    func busy() async {
        await #expect(processExitsWith: .exitCode(42)) {
            let status = try await onThread { () -> Int32 in
                let pool = WorkerPool(name: "busy", size: 3, idleLimit: .microseconds(20))
                let loop = try IOLoop(name: "taken over")
                let (isOver, ended) = (Cell(false), Counter())
                _ = PoolForkTests.usePools(pool)
                guard blockUntil({ pool.threads == 0 }) else { return 8 }
                guard forked({ PoolForkTests.inChild(pool, loop) }) == 42 else { return 2 }
                for _ in 0..<2 {
                    try PlainThread.start("busy") {
                        while !isOver.value { _ = PoolForkTests.usePools(pool) }
                        ended.add()
                    }
                }
                for _ in 0..<50 {
                    let status = forked(whenQuiet: false) { PoolForkTests.inChild(pool, loop) }
                    guard status == 42 else { return status }
                }
                isOver.value = true
                guard blockUntil({ ended.value == 2 }) else { return 3 }
                return PoolForkTests.usePools(pool) ? 42 : 4
            }
            exit(status)
        }
    }

    private static func usePools(_ pool: WorkerPool) -> Bool {
        do {
            let jobs = (0..<3).map { number in pool.submit { try WorkerPool.shared.submit { number }.wait() } }
            return try jobs.map { try $0.wait() } == [0, 1, 2]
        } catch { return false }
    }

    private static func inChild(_ pool: WorkerPool, _ loop: IOLoop) -> Int32 {
        guard pool.threads == 0 else { return 5 }
        guard usePools(pool) else { return 6 }
        do {
            try loop.reinitializeAfterFork()
            return try loop.run(until: loop.runInExecutor(pool) { 42 })
        } catch { return 7 }
    }

    @Test("V29: a job that was submitted before a fork is the parent's: waiting for it in the child is refused by name")
    func parentsJobs() async {
        await #expect(processExitsWith: .exitCode(42)) {
            let status = try await onThread { () -> Int32 in
                let pool = WorkerPool(name: "the parent's", size: 1)
                let (leave, ran) = (Cell(false), Counter())
                let running = pool.submit { blockUntil { leave.value } }
                let queued = pool.submit { ran.add() }
                let status = forked {
                    guard pool.queued == 0 else { return 2 }
                    for outcome in [Result { _ = try running.wait() }, Result { _ = try queued.wait() }] {
                        guard case .failure(let error as WouldDeadlock) = outcome else { return 3 }
                        guard "\(error)".contains("the parent's"), "\(error)".contains("forked") else { return 4 }
                    }
                    do { return try pool.submit { ran.value == 0 ? 42 : 5 }.wait() } catch { return 6 }
                }
                leave.value = true
                guard try running.wait(), try queued.wait() == 1 else { return 7 }
                return status
            }
            exit(status)
        }
    }

    @Test("V29: a job may fork: in the child its thread is the pool's first, and ends with the pool")
    func forkingJob() async {
        await #expect(processExitsWith: .exitCode(42)) {
            let status = try await onThread { () -> Int32 in
                let pool = WorkerPool(name: "forking", size: 2)
                return try pool.submit { () -> Int32 in
                    forked {
                        guard pool.isCurrent, pool.threads == 1 else { return 2 }
                        do { return try pool.submit { pool.threads == 2 ? 42 : 3 }.wait() } catch { return 4 }
                    }
                }.wait()
            }
            exit(status)
        }
    }
}
#endif
