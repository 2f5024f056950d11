// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Testing

@Suite("Links")
struct LinkTests {
    @Test("V10: 1,000 links are each called once, in their order, in greenlets of their own, which may wait")
    func order() async throws {
        try await onVirtualLoop { (loop) throws in
            let calls = Log<Int>()
            let own = Log<UInt64>()
            let greenlet = Greenlet.spawn(on: loop) { 1 }
            for number in 0..<1_000 {
                greenlet.link { source in
                    #expect(source === greenlet && source.outcome != nil)
                    own.add(Greenlet.current!.id)
                    calls.add(number)
                    try Greenlet.sleep(for: .seconds(1))
                }
            }
            try loop.advance(by: .seconds(2))
            #expect(calls.entries == Array(0..<1_000) && Set(own.entries).count == 1_000)
        }
    }

    @Test("V10, EV6: a link that comes after the end runs at once, and one made in a link does not recurse")
    func late() async throws {
        try await onVirtualLoop { (loop) throws in
            let order = OrderRecorder()
            let greenlet = Greenlet.spawn(on: loop) {}
            try loop.runUntilIdle()
            greenlet.link { source in
                source.link { _ in order.record("inner") }
                order.record("outer")
            }
            order.record("linked")
            try loop.runUntilIdle()
            #expect(order.entries == ["linked", "outer", "inner"])
        }
    }

    @Test("V10: a value link is called for a value, an exception link for a failure and a kill")
    func kinds() async throws {
        try await onVirtualLoop { (loop) throws in
            let calls = OrderRecorder()
            let greenlets: [(String, Greenlet<Void>)] = [
                ("value", Greenlet.spawn(on: loop) {}), ("error", Greenlet.spawn(on: loop) { throw Oops() }),
                ("kill", Greenlet.spawn(on: loop) { try forever.future.wait() }),
            ]
            for (name, greenlet) in greenlets {
                greenlet.linkValue { _ in calls.record("\(name): value") }
                greenlet.linkException { _ in calls.record("\(name): exception") }
            }
            try loop.runUntilIdle()
            greenlets[2].1.kill()
            try loop.runUntilIdle()
            #expect(calls.entries == ["value: value", "error: exception", "kill: exception"])
        }
    }

    @Test("V10, F6: a value link does not see a failure, which is reported; any other link does")
    func duty() async throws {
        let reports = ReportCollector(containing: "Oops(number: 1001)")
        try await onVirtualLoop { (loop) throws in
            let unseen = Greenlet.spawn(on: loop) { throw Oops(number: 1001) }
            unseen.linkValue { _ in }
            let seen = Greenlet.spawn(on: loop) { throw Oops(number: 10_011) }
            seen.link { _ in }
            try loop.runUntilIdle()
        }
        #expect(await reports.settledReports().count == 1)
    }

    @Test("V10, EV6: a link that was taken back is not called, also when others are being called; then it is too late")
    func unlink() async throws {
        try await onVirtualLoop { (loop) throws in
            let calls = OrderRecorder()
            let links = Log<GreenletLink>()
            let greenlet = Greenlet.spawn(on: loop) {}
            let first = greenlet.link { _ in calls.record("first") }
            links.add(
                greenlet.link { _ in
                    calls.record("second")
                    #expect(!links.entries[0].unlink())
                    #expect(links.entries[1].unlink())
                }
            )
            links.add(greenlet.link { _ in calls.record("third") })
            #expect(first.unlink())
            #expect(!first.unlink())
            try loop.runUntilIdle()
            #expect(calls.entries == ["second"])
        }
    }

    @Test("V10: a link that throws is reported, and the others are called")
    func throwing() async throws {
        let reports = ReportCollector(containing: "Oops(number: 1002)")
        try await onVirtualLoop { (loop) throws in
            let calls = Counter()
            let greenlet = Greenlet.spawn(on: loop) {}
            greenlet.link { _ in throw Oops(number: 1002) }
            greenlet.link { _ in calls.add() }
            try loop.runUntilIdle()
            #expect(calls.value == 1)
        }
        #expect(await reports.settledReports().count == 1)
    }

    @Test("V11: a greenlet is linked to a promise, a plain observer on the hub, and whatever takes an outcome")
    func targets() async throws {
        try await onVirtualLoop { (loop) throws in
            let promise = Promise<Int>()
            let (failed, taken) = (Promise<Int>(), Promise<Int>())
            taken.succeed(0)
            let onHub = Counter()
            let greenlet = Greenlet.spawn(on: loop) { 7 }
            greenlet.link(to: promise)
            greenlet.link(to: taken)
            _ = greenlet.observe { _ in if Greenlet.current == nil || Greenlet.current === greenlet { onHub.add() } }
            let bad = Greenlet.spawn(on: loop) { () throws -> Int in throw Oops(number: 2) }
            bad.link(to: failed)
            let unlinked = Promise<Int>()
            #expect(greenlet.link(to: unlinked).unlink())
            #expect(try loop.run(until: promise.future) == 7)
            #expect(throws: Oops(number: 2)) { try loop.run(until: failed.future) }
            #expect(onHub.value == 1 && !unlinked.future.isCompleted)
            unlinked.succeed(0)
            #expect(throws: Oops(number: 2)) { try loop.run(until: bad) }
        }
    }
}
