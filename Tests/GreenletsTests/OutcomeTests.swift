// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

@Suite("Outcomes, joins and timeouts")
struct OutcomeTests {
    @Test("V12: any number of waiters get the value, or the same error, also after the end")
    func waiters() async throws {
        final class Identified: Error, Sendable {}
        try await onVirtualLoop { (loop) throws in
            let good = Greenlet.spawn(on: loop) { () -> Int in
                try Greenlet.sleep(for: .seconds(1))
                return 5
            }
            let error = Identified()
            let bad = Greenlet.spawn(on: loop) { () throws -> Int in
                try Greenlet.sleep(for: .seconds(1))
                throw error
            }
            let seen = Counter()
            let waiters = (0..<10).map { _ in
                Greenlet.spawn(on: loop) {
                    if try good.wait() == 5 { seen.add() }
                    do { _ = try bad.wait() } catch let thrown as Identified {
                        if thrown === error { seen.add() }
                    }
                }
            }
            try loop.advanceUntilIdle()
            #expect(allDead(waiters))
            #expect(seen.value == 20)
            #expect(try loop.run(until: good) == 5)
            #expect(throws: Identified.self) { try loop.run(until: bad) }
        }
    }

    @Test("V12: join returns at the end, however it came, and never throws the body's error")
    func join() async throws {
        let reports = ReportCollector(containing: "Oops(number: 1201)")
        try await onVirtualLoop { (loop) throws in
            let failing = Greenlet.spawn(on: loop) { throw Oops(number: 1201) }
            let killed = Greenlet.spawn(on: loop) { try forever.future.wait() }
            let joiner = Greenlet.spawn(on: loop) {
                try failing.join()
                killed.kill()
                try killed.join()
                try killed.join()
            }
            try loop.run(until: joiner)
            #expect(failing.isDead && killed.isDead)
        }
        // A join does not observe the outcome: nobody did.
        #expect(await reports.settledReports().count == 1)
    }

    @Test("V12: running out of time is TimedOut for who asked, leaves the greenlet running, and a later wait succeeds")
    func timeouts() async throws {
        try await onVirtualLoop { (loop) throws in
            let slow = Greenlet.spawn(on: loop) { () -> Int in
                try Greenlet.sleep(for: .seconds(10))
                return 1
            }
            let waiter = Greenlet.spawn(on: loop) { () throws -> LoopInstant in
                #expect(throws: TimedOut.self) { try slow.wait(timeout: .seconds(1)) }
                #expect(loop.now.nanoseconds == 1_000_000_000)
                #expect(throws: TimedOut.self) { try slow.join(timeout: .seconds(2)) }
                #expect(throws: TimedOut.self) { try slow.wait(timeout: .zero) }
                #expect(loop.now.nanoseconds == 3_000_000_000)
                #expect(try slow.wait(timeout: .seconds(100)) == 1)
                return loop.now
            }
            #expect(try loop.run(until: waiter).nanoseconds == 10_000_000_000)
            #expect(loop.pendingTimers == 0)
        }
    }

    @Test("V12: an outer deadline that passes through a wait is not swallowed by it")
    func outerDeadline() async throws {
        try await onVirtualLoop { (loop) throws in
            let outer = Greenlet.spawn(on: loop) { () throws -> Int in
                let inner = Greenlet.spawn { () throws -> Int in try forever.future.wait() }
                do { return try inner.wait(timeout: .seconds(5)) } catch is TimedOut {
                    inner.kill()
                    try inner.join()
                    return -1
                }
            }
            let waiter = Greenlet.spawn(on: loop) { () throws -> Int in
                #expect(throws: TimedOut.self) { try outer.wait(timeout: .seconds(1)) }
                #expect(loop.now.nanoseconds == 1_000_000_000)
                return try outer.wait()
            }
            #expect(try loop.run(until: waiter) == -1)
        }
    }

    @Test("V3: greenlets that would wait for each other's end get Deadlock, which prints the circle; the hub goes on")
    func deadlock() async throws {
        try await onVirtualLoop { (loop) throws in
            let others = Log<Greenlet<Void>>()
            let errors = Log<Deadlock>()
            for (index, name) in ["first", "second", "third"].enumerated() {
                others.add(
                    Greenlet.spawn(on: loop, name: name) {
                        try Greenlet.yield()
                        do { try others.entries[(index + 1) % 3].join() } catch let deadlock as Deadlock {
                            errors.add(deadlock)
                        }
                    }
                )
            }
            try loop.runUntilIdle()
            #expect(errors.entries.count == 1)
            let cycle = errors.entries[0].cycle
            #expect(cycle.map { String($0.prefix(5)) } == ["third", "first", "secon"])
            #expect("\(errors.entries[0])".contains("third"))
            #expect(allDead(others.entries))
            let next = Greenlet.spawn(on: loop) { 1 }
            #expect(try loop.run(until: next) == 1)
        }
    }

    @Test("V3: a greenlet that waits for its own end gets Deadlock; with a timeout it may")
    func selfJoin() async throws {
        try await onVirtualLoop { (loop) throws in
            let greenlet = Greenlet.spawn(on: loop) {
                #expect(throws: Deadlock.self) { try Greenlet.current!.join() }
                #expect(throws: TimedOut.self) { try Greenlet.current!.join(timeout: .seconds(1)) }
            }
            try loop.run(until: greenlet)
        }
    }

    @Test("V3: what somebody else may still complete is never a deadlock")
    func noDeadlock() async throws {
        try await onVirtualLoop { (loop) throws in
            let promise = Promise<Int>()
            let bottom = Greenlet.spawn(on: loop) { try promise.future.wait() }
            let top = Greenlet.spawn(on: loop) { try bottom.wait() }
            try loop.runUntilIdle()
            #expect(!top.isDead)
            let helper = Future.offThread { promise.succeed(4) }
            #expect(try loop.run(until: top, patience: .seconds(300)) == 4)
            _ = try loop.run(until: helper, patience: .seconds(300))
        }
    }

    @Test("V5: waiting for the hub to become idle works again and again, and can time out while work remains")
    func idle() async throws {
        try await onVirtualLoop { (loop) throws in
            try loop.run(until: Hub.whenIdle(of: loop))
            for _ in 0..<3 {
                for seconds in 1...3 {
                    Greenlet.spawn(on: loop) { try Greenlet.sleep(for: .seconds(seconds)) }
                }
                let before = loop.now
                #expect(throws: TimedOut.self) {
                    try loop.run(until: Hub.whenIdle(of: loop), timeout: .seconds(2))
                }
                try loop.run(until: Hub.whenIdle(of: loop))
                #expect(before.duration(to: loop.now) == .seconds(3))
            }
        }
        try await onLoop { (loop) async throws in
            let greenlet = Greenlet.spawn(on: loop) { try Greenlet.sleep(for: .milliseconds(1)) }
            try await Hub.whenIdle(of: loop).value
            #expect(greenlet.isDead)
            loop.stop()
            try await loop.stopped.value
            try await Hub.whenIdle(of: loop).value
        }
    }

    @Test("H7: unwinding frees what every frame held, whichever way the greenlet ends")
    func unwinding() async throws {
        let ended = Counter()
        let count = stress(500)
        try await onLoop { (loop) async throws in
            @Sendable func deep(_ level: Int, _ end: @Sendable () throws -> Void) throws {
                let sentinel = Sentinel(ended)
                defer { sentinel.use() }
                if level > 0 { try deep(level - 1, end) } else { try end() }
            }
            var killed: [Greenlet<Void>] = []
            var others: [Greenlet<Void>] = []
            for number in 0..<count {
                switch number % 3 {
                case 0: others.append(Greenlet.spawn(on: loop) { try deep(9) {} })
                case 1: others.append(Greenlet.spawn(on: loop) { try deep(9) { throw Oops() } })
                default: killed.append(Greenlet.spawn(on: loop) { try deep(9) { try forever.future.wait() } })
                }
            }
            for greenlet in others { _ = try? await greenlet.value }
            for greenlet in killed { greenlet.kill() }
            try await Hub.whenIdle(of: loop).value
            _ = killed.map { $0.future().observe { _ in } }
        }
        // A greenlet killed before its start has no frames.
        #expect(await eventually { ended.value % 10 == 0 && ended.value >= count / 3 * 20 })
    }

    @Test(
        "H3, B10: task-locals of greenlets on one hub stay apart, and from their spawner's but for those of a snapshot",
        .enabled(if: keepsTaskLocals)
    )
    func locals() async throws {
        try await onVirtualLoop { (loop) throws in
            let wrong = Counter()
            let order = OrderRecorder()
            func expect(_ value: String) { if Local.name != value { wrong.add() } }
            for (name, seconds) in [("one", 3), ("two", 1), ("three", 2)] {
                let here = Local.$name.withValue("snapshot of " + name) { ContextSnapshot(Local.$name) }
                Local.$name.withValue("spawner's") {
                    _ = Greenlet.spawn(on: loop) {
                        if Local.name != "none" { wrong.add() }
                        try here {
                            try Greenlet.yield()
                            if Local.name != "snapshot of " + name { wrong.add() }
                        }
                        try Local.$name.withValue(name) {
                            try Greenlet.sleep(for: .seconds(seconds))
                            if Local.name != name { wrong.add() }
                            try Local.$name.withValue(name + " inner") {
                                try Greenlet.sleep(for: .seconds(5 - seconds))
                                if Local.name != name + " inner" { wrong.add() }
                            }
                            try Greenlet.yield()
                            if Local.name != name { wrong.add() }
                        }
                        if Local.name != "none" { wrong.add() }
                        order.record(name)
                    }
                }
            }
            try loop.advanceUntilIdle()
            #expect(order.count == 3 && wrong.value == 0)
            #expect(Local.name == "none")
        }
    }

    @Test("F2: deliveries belong to the stack they run on: a fiber left below an observer does not stall another's")
    func trampolines() async throws {
        try await onThread {
            // SAFETY: all on one thread.
            let order = OrderRecorder()
            let other = Fiber<Int>(name: "other") { _ in
                let source = Promise<Int>()
                _ = source.future.observe { _ in order.record("observer of the other") }
                source.succeed(1)
                order.record("the other goes on")
                return 2
            }
            let fiber = Unchecked(other)
            let source = Promise<Int>()
            _ = source.future.observe { _ in
                order.record("first begins")
                _ = try? send(1, to: fiber.value)
                order.record("first ends")
            }
            _ = source.future.observe { _ in order.record("second") }
            source.succeed(1)
            #expect(
                order.entries == [
                    "first begins", "observer of the other", "the other goes on", "first ends", "second",
                ]
            )
        }
    }

    @Test("H14: a greenlet runs on one thread, whoever resumes it")
    func oneThread() async throws {
        try await onLoop { (loop) async throws in
            let parks = stress(2_000)
            let places = Log<Set<UInt>>()
            let greenlets = (0..<8).map { _ in
                Greenlet.spawn(on: loop) {
                    var seen: Set<UInt> = [threadIdentity]
                    for _ in 0..<parks / 8 {
                        let promise = Promise<Int>()
                        Task.detached { promise.succeed(1) }
                        _ = try promise.future.wait()
                        seen.insert(threadIdentity)
                    }
                    places.add(seen)
                }
            }
            for greenlet in greenlets { try await greenlet.value }
            #expect(places.entries.reduce(into: Set()) { $0.formUnion($1) }.count == 1)
        }
    }

    @Test("H14: a loop with greenlets that comes to another thread stops the process, by name")
    func migration() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let loop = VirtualLoop(name: "wanderer")
            try await onThread {
                Greenlet.spawn(on: loop) { try forever.future.wait() }
                try loop.runUntilIdle()
                try Future.offThread {
                    Greenlet.spawn(on: loop) {}
                    try loop.runUntilIdle()
                }.wait()
            }
        }
        let output = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(output.contains("\"wanderer\" came to another thread with 2 greenlets alive"))
    }

    @Test("H14: a loop whose greenlets have ended may be run by another thread, also one in the old one's place")
    func moving() async throws {
        let loop = VirtualLoop()
        for round in 0..<20 {
            let name = try await onThread { () -> String? in
                let promise = Promise<Int>()
                let greenlet = Greenlet.spawn(on: loop, name: "round \(round)") { () -> String? in
                    _ = try promise.future.wait()
                    return Greenlet.current?.name
                }
                try loop.runUntilIdle()
                promise.succeed(1)
                return try loop.run(until: greenlet)
            }
            #expect(name == "round \(round)")
        }
    }
}
