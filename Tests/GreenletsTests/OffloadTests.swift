// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

@Suite("Offloading from greenlets")
struct OffloadTests {
    @Test("EV9: a value and an error come back to the greenlet; meanwhile the others run")
    func outcomes() async throws {
        try await onLoop { loop in
            let pool = WorkerPool(size: 1)
            let turns = Counter()
            let greenlet = Greenlet.spawn(on: loop) { () -> String in
                let home = threadIdentity
                let (value, place) = try Greenlet.offload(to: pool) {
                    (blockUntil { turns.value >= 3 }, threadIdentity)
                }
                let error = Result { try Greenlet.offload(to: pool) { throw Oops(number: 7) } }
                guard case .failure(let oops as Oops) = error else { return "\(error)" }
                return "\(value) \(place == home) \(threadIdentity == home) \(oops.number)"
            }
            Greenlet.spawn(on: loop) {
                while !greenlet.isDead {
                    turns.add()
                    try Greenlet.yield()
                }
            }
            let text = try await greenlet.value
            #expect(text == "true false true 7")
        }
    }

    @Test("EV9: a kill leaves at once; what has begun goes on, what has not is taken back")
    func kills() async throws {
        try await onLoop { loop in
            let pool = WorkerPool(size: 1)
            let (entered, leave, ran) = (Counter(), Counter(), Counter())
            let running = Greenlet.spawn(on: loop) {
                try Greenlet.offload(to: pool) {
                    entered.add()
                    _ = blockUntil { leave.value > 0 }
                    ran.add()
                }
            }
            #expect(await eventually { entered.value == 1 })
            let queued = Greenlet.spawn(on: loop) { try Greenlet.offload(to: pool) { ran.add(10) } }
            #expect(await eventually { pool.queued == 1 })
            queued.kill()
            await #expect(throws: CancellationError.self) { try await queued.value }
            #expect(await eventually { pool.queued == 0 })
            running.kill()
            await #expect(throws: CancellationError.self) { try await running.value }
            #expect(ran.value == 0)
            leave.add()
            try await pool.shutdown().value
            #expect(ran.value == 1)
        }
    }

    @Test("EV9: what an abandoned closure throws is dropped, and not reported as lost")
    func abandonedError() async throws {
        let reports = ReportCollector(containing: "Oops(number: 90211)")
        try await onLoop { loop in
            let pool = WorkerPool(size: 1)
            let (entered, leave) = (Counter(), Counter())
            let greenlet = Greenlet.spawn(on: loop) {
                try Greenlet.offload(to: pool) {
                    entered.add()
                    _ = blockUntil { leave.value > 0 }
                    throw Oops(number: 90_211)
                }
            }
            #expect(await eventually { entered.value == 1 })
            greenlet.kill()
            await #expect(throws: CancellationError.self) { try await greenlet.value }
            leave.add()
            // The same for one who is killed before it waits.
            let early = Greenlet.spawn(on: loop) {
                Greenlet.current?.kill()
                try Greenlet.offload(to: pool) {
                    // An outcome that came first would count.
                    _ = blockUntil { leave.value > 1 }
                    throw Oops(number: 90_211)
                }
            }
            await #expect(throws: CancellationError.self) { try await early.value }
            leave.add()
            try await pool.shutdown().value
        }
        #expect(await reports.settledReports().isEmpty)
    }

    @Test("EV9: on a thread of the pool the closure runs at once, where it stands: one thread is enough for any depth")
    func inline() async throws {
        let pool = WorkerPool(size: 1)
        let (outer, inner) = try await pool.submit {
            let outer = threadIdentity
            return try Greenlet.offload(to: pool) { (outer, try Greenlet.offload(to: pool) { threadIdentity }) }
        }.value
        #expect(outer == inner)
        // Another pool is another place.
        let other = WorkerPool(size: 1)
        let isElsewhere = try await pool.submit {
            let here = threadIdentity
            return try Greenlet.offload(to: other) { threadIdentity } != here
        }.value
        #expect(isElsewhere)
    }

    @Test("EV9: on a plain thread it blocks; in a task and on a loop it is refused before anything has begun")
    func places() async throws {
        let isElsewhere = try await onThread {
            let here = threadIdentity
            return try Greenlet.offload { threadIdentity } != here
        }
        #expect(isElsewhere)
        let ran = Counter()
        @Sendable func tryIt() -> Bool {
            guard case .failure(let error) = Result(catching: { try Greenlet.offload { ran.add() } }) else {
                return false
            }
            return error is WouldDeadlock
        }
        #expect(await Task { tryIt() }.value)
        try await onLoop { loop in
            let isRefused = try await loop.submit { tryIt() }.value
            #expect(isRefused)
        }
        #expect(ran.value == 0)
    }

    @Test("EV9: the shutdown of the pool delivers what is left; what comes later is refused by name")
    func shutdown() async throws {
        try await onLoop { loop in
            let pool = WorkerPool(size: 1)
            let (entered, leave) = (Counter(), Counter())
            let greenlets = (0..<5).map { number in
                Greenlet.spawn(on: loop) {
                    try Greenlet.offload(to: pool) { () -> Int in
                        entered.add()
                        _ = blockUntil { leave.value > 0 }
                        return number
                    }
                }
            }
            #expect(await eventually { entered.value == 1 && pool.queued == 4 })
            pool.shutdown()
            leave.add()
            for (number, greenlet) in greenlets.enumerated() {
                let value = try await greenlet.value
                #expect(value == number)
            }
            let late = Greenlet.spawn(on: loop) { try Greenlet.offload(to: pool) {} }
            await #expect(throws: PoolClosed.self) { try await late.value }
        }
    }
}
