// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Testing

@Suite("Joining and killing several greenlets")
struct JoinTests {
    /// A greenlet that ends after so many seconds.
    private static func ending(after seconds: Int, on loop: VirtualLoop, _ error: Oops? = nil) -> Greenlet<Int> {
        Greenlet.spawn(on: loop) {
            try Greenlet.sleep(for: .seconds(seconds))
            if let error { throw error }
            return seconds
        }
    }

    @Test("V13: after a kill that waits the handlers have run; one that does not end in time is TimedOut, and reported")
    func blockingKill() async throws {
        let reports = ReportCollector(containing: "obstinate")
        try await onVirtualLoop { (loop) throws in
            let order = OrderRecorder()
            let clean = Greenlet.spawn(on: loop) {
                defer { order.record("cleaned up") }
                try forever.future.wait()
            }
            let stubborn = Greenlet.spawn(on: loop, name: "obstinate") {
                do { try forever.future.wait() } catch {}
                try Greenlet.sleep(for: .seconds(100))
            }
            let killer = Greenlet.spawn(on: loop) {
                try clean.kill(waiting: .seconds(1))
                order.record("killed")
                #expect(throws: TimedOut.self) { try stubborn.kill(waiting: .seconds(1)) }
                try stubborn.kill(waiting: nil)
                try clean.kill(waiting: nil)
                #expect(throws: GreenletExit.self) { try Greenlet.current!.kill(waiting: nil) }
            }
            try loop.run(until: killer)
            #expect(order.entries == ["cleaned up", "killed"] && loop.now.nanoseconds == 1_000_000_000)
        }
        #expect(await reports.settledReports().count == 1)
    }

    @Test("V14: killAll ends all of any sequence; those that have not started never run; who outlives it is TimedOut")
    func killAll() async throws {
        let reports = ReportCollector(containing: "outliver")
        try await onVirtualLoop { (loop) throws in
            let (ran, cleaned) = (Counter(), Counter())
            let waiting = (0..<3).map { _ in
                Greenlet.spawn(on: loop) {
                    defer { cleaned.add() }
                    try forever.future.wait()
                }
            }
            try loop.runUntilIdle()
            let fresh = (0..<2).map { _ in Greenlet.spawn(on: loop) { ran.add() } }
            let all: [AnyGreenlet] = waiting + fresh
            let killer = Greenlet.spawn(on: loop) {
                try Greenlet.killAll(all, waiting: .seconds(1))
                #expect(cleaned.value == 3)
                let survivor = Greenlet.spawn(name: "outliver") {
                    do { try Greenlet.sleep(for: .seconds(1_000)) } catch { try Greenlet.sleep(for: .seconds(1_000)) }
                }
                try Greenlet.yield()
                #expect(throws: TimedOut.self) {
                    try Greenlet.killAll([survivor], Oops(), waiting: .seconds(1))
                }
                Greenlet.killAll([survivor])
                try survivor.join()
                #expect(throws: GreenletExit.self) { try Greenlet.killAll([Greenlet.current!], waiting: nil) }
            }
            for greenlet in fresh { greenlet.kill() }
            try loop.run(until: killer)
            #expect(allDead(waiting) && ran.value == 0)
        }
        #expect(await reports.settledReports().count == 1)
    }

    @Test("V15: joinAll waits for all, duplicates too, whatever they end with; running out of time names who lives")
    func joinAll() async throws {
        try await onVirtualLoop { (loop) throws in
            let greenlets = [
                Self.ending(after: 2, on: loop), Self.ending(after: 1, on: loop, Oops()),
                Self.ending(after: 9, on: loop),
            ]
            let joiner = Greenlet.spawn(on: loop) {
                try Greenlet.joinAll(greenlets.prefix(2) + greenlets.prefix(2))
                #expect(loop.now.nanoseconds == 2_000_000_000)
                let late = #expect(throws: TimedOut.self) { try Greenlet.joinAll(greenlets, timeout: .seconds(1)) }
                #expect("\(late!)".contains("1 of 3 greenlets"))
                #expect(loop.now.nanoseconds == 3_000_000_000)
                try Greenlet.joinAll([Greenlet<Int>]())
            }
            greenlets[1].callback { _ in }
            try loop.run(until: joiner)
        }
    }

    @Test("V15: joinAll that throws has the failure that is the first in time, as soon as it comes, not in the list")
    func firstFailure() async throws {
        try await onVirtualLoop { (loop) throws in
            let greenlets = [
                Self.ending(after: 3, on: loop, Oops(number: 3)), Self.ending(after: 1, on: loop),
                Self.ending(after: 2, on: loop, Oops(number: 2)),
            ]
            let killed = Greenlet.spawn(on: loop) { () throws -> Int in try forever.future.wait() }
            let joiner = Greenlet.spawn(on: loop) {
                try Greenlet.yield()
                killed.kill()
                #expect(throws: Oops(number: 2)) { try Greenlet.joinAll(greenlets + [killed], throwing: true) }
                #expect(loop.now.nanoseconds == 2_000_000_000)
                #expect(throws: TimedOut.self) {
                    try Greenlet.joinAll([Self.ending(after: 5, on: loop)], timeout: .seconds(1), throwing: true)
                }
                try Greenlet.joinAll([killed, greenlets[1]], throwing: true)
            }
            for greenlet in greenlets { greenlet.callback { _ in } }
            try loop.run(until: joiner)
        }
    }

    @Test(
        "V15: wait and iwait give outcomes in the order of their completion, of anything awaitable; a count ends it early"
    )
    func waiting() async throws {
        try await onVirtualLoop { (loop) throws in
            let waiter = Greenlet.spawn(on: loop) {
                let sources = [3, 1, 2].map { Self.ending(after: $0, on: loop) }
                let all = try Greenlet.wait(for: sources + [sources[0]])
                #expect(all.map(\.key) == [1, 2, 0, 3])
                let more = [3, 1, 2].map { Self.ending(after: $0, on: loop) }
                #expect(try Greenlet.wait(for: more, count: 2).map { try $0.get() } == [1, 2])
                #expect(
                    try Greenlet.wait(for: [Self.ending(after: 9, on: loop)] + more, timeout: .seconds(4)).count == 3
                )
                let (promise, results) = (Promise<Int>(), Greenlet.iwait(for: [Future.succeeded(1), forever.future]))
                #expect(try results.waitNext()?.get() == 1)
                #expect(throws: TimedOut.self) { try results.waitNext(timeout: .seconds(1)) }
                promise.succeed(0)
            }
            try loop.run(until: waiter)
        }
    }

    @Test("V15, C6: who leaves an iteration early leaves nothing with the sources")
    func nothingStays() async throws {
        try await onVirtualLoop { (loop) throws in
            let promises = (0..<3).map { _ in Promise<Int>() }
            let waiter = Greenlet.spawn(on: loop) {
                let results = Greenlet.iwait(for: promises.map(\.future))
                promises[0].succeed(0)
                #expect(try results.waitNext()?.key == 0)
                _ = try Greenlet.wait(for: promises.map(\.future), count: 1)
            }
            try loop.run(until: waiter)
            #expect(promises[1].future._observers == 0 && promises[2].future._observers == 0)
            for promise in promises.dropFirst() { promise.succeed(0) }
        }
    }

    @Test("EV6: a greenlet that has not begun can be cancelled; one that has goes on")
    func cancelIfPending() async throws {
        try await onVirtualLoop { (loop) throws in
            let ran = Counter()
            let gate = Promise<Void>()
            let begun = Greenlet.spawn(on: loop) { try gate.future.wait() }
            try loop.runUntilIdle()
            let (fresh, paused) = (Greenlet.spawn(on: loop) { ran.add() }, Greenlet.paused(on: loop) { ran.add() })
            for greenlet in [begun, fresh, paused] { greenlet.cancelIfPending() }
            try loop.runUntilIdle()
            #expect(fresh.isDead && paused.isDead && !begun.isDead && ran.value == 0)
            gate.succeed(())
            try loop.run(until: begun)
            begun.cancelIfPending()
        }
    }
}
