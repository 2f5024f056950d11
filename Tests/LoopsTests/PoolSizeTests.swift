// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Loops
import Testing

@Suite("Sizes of worker pools")
struct PoolSizeTests {
    @Test("V29: threads start on demand; a larger pool starts them for what waits, a smaller one ends those too many")
    func resizing() async throws {
        let pool = WorkerPool(size: 1)
        #expect(pool.threads == 0)
        let (entered, leave) = (Counter(), Cell(false))
        let jobs = (0..<3).map { _ in
            pool.submit { () -> Bool in
                entered.add()
                return blockUntil { leave.value }
            }
        }
        #expect(await eventually { entered.value == 1 })
        #expect(pool.threads == 1 && pool.queued == 2)
        pool.resize(to: 3)
        #expect(pool.size == 3)
        #expect(await eventually { entered.value == 3 })
        #expect(pool.threads == 3 && pool.queued == 0)
        // Nobody is interrupted: two end when they have done their jobs.
        pool.resize(to: 1)
        #expect(pool.threads == 3)
        leave.value = true
        for job in jobs { #expect(try await job.value) }
        #expect(await eventually { pool.threads == 1 })
        #expect(try await pool.submit { 7 }.value == 7)
        try await pool.shutdown().value
        #expect(pool.threads == 0)
    }

    @Test("V29: of threads that sleep a smaller pool ends the surplus at once, and its shutdown still has an end")
    func resizingIdle() async throws {
        let pool = WorkerPool(size: 4)
        let arrived = Counter()
        let jobs = (0..<4).map { _ in
            pool.submit { () -> Bool in
                arrived.add()
                return blockUntil { arrived.value == 4 }
            }
        }
        for job in jobs { #expect(try await job.value) }
        // A job's outcome is there before its thread sleeps.
        pool.resize(to: 2)
        #expect(await eventually { pool.threads == 2 })
        try await pool.shutdown().value
    }

    @Test("V29, B4: a pool that becomes smaller keeps the thread that those who wait for its jobs depend on")
    func resizingNested() async throws {
        let pool = WorkerPool(size: 2)
        let (entered, leave) = (Counter(), Cell(false))
        let nested = pool.submit { () -> Int in
            entered.add()
            guard blockUntil({ entered.value == 2 }) else { return 0 }
            return try pool.submit { 8 }.wait()
        }
        let other = pool.submit { () -> Bool in
            entered.add()
            return blockUntil { leave.value }
        }
        #expect(await eventually { pool.queued == 1 })
        pool.resize(to: 1)
        leave.value = true
        #expect(try await nested.value == 8)
        #expect(try await other.value)
        #expect(await eventually { pool.threads == 1 })
    }

    @Test("V29: jobs nest as deep as there are threads")
    func nested() async throws {
        let pool = WorkerPool(size: 3)
        let depth = try await pool.submit {
            try pool.submit { try pool.submit { 1 }.wait() + 1 }.wait() + 1
        }.value
        #expect(depth == 3)
    }

    @Test("V29: threads that have nothing to do for the idle limit end, and new ones take their place; no job is lost")
    func idleLimit() async throws {
        let pool = WorkerPool(size: 2, idleLimit: .microseconds(50))
        try await onThread {
            // Sleepers give up in the very moment in which they are chosen.
            for number in 0..<2_000 {
                let jobs = [pool.submit { number }, pool.submit { number + 1 }]
                let values = try jobs.map { try $0.wait() }
                #expect(values == [number, number + 1])
                _ = ThreadParker().wait(until: LoopInstant.now.advanced(by: .microseconds(number % 120)))
            }
        }
        #expect(await eventually { pool.threads == 0 })
        #expect(try await pool.submit { 3 }.value == 3)
        try await pool.shutdown().value
        await #expect(throws: PoolClosed.self) { try await pool.submit {}.value }
    }

    @Test("V29: what a job captured goes with its end, though its future is kept: run, cancelled or refused")
    func captures() async throws {
        let pool = WorkerPool(size: 1, capacity: 1)
        let (entered, leave) = (Cell(false), Cell(false))
        func job(_ ended: Counter) -> Future<Bool> {
            let sentinel = Sentinel(ended)
            return pool.submit {
                withExtendedLifetime(sentinel) {
                    entered.value = true
                    return blockUntil { leave.value }
                }
            }
        }
        let (first, second, third) = (Counter(), Counter(), Counter())
        let running = job(first)
        #expect(await eventually { entered.value })
        let queued = job(second)
        let refused = job(third)
        refused.callback { _ in }
        #expect(third.value == 1)
        #expect(queued.cancel() == .stopped)
        #expect(second.value == 1)
        #expect(first.value == 0)
        leave.value = true
        #expect(try await running.value)
        #expect(await eventually { first.value == 1 })
        withExtendedLifetime((running, queued, refused)) {}
        try await pool.shutdown().value
    }
}

/// Something whose end can be seen.
private final class Sentinel: Sendable {
    private let ended: Counter
    init(_ ended: Counter) { self.ended = ended }
    deinit { ended.add() }
}
