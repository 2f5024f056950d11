// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CStackSwitch
import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

@Suite("The hub")
struct HubTests {
    @Test("V1: a loop has one hub, made when it is first needed, also by many threads at once")
    func oneHub() async throws {
        try await onLoop { (loop) async throws in
            let threads = Log<UInt>()
            let release = Promise<Void>()
            let all = Log<Greenlet<Void>>()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        try await onThread {
                            all.add(
                                Greenlet.spawn(on: loop, name: "\(number)") {
                                    threads.add(threadIdentity)
                                    try release.future.wait()
                                }
                            )
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(await eventually { threads.entries.count == 8 })
            #expect(try await Hub.dump(of: loop).value.hasPrefix("8 greenlets"))
            #expect(Set(threads.entries).count == 1)
            release.succeed(())
            for greenlet in all.entries { try await greenlet.value }
        }
    }

    @Test("V1, V9: spawn returns before the body runs, and uses the current loop, else the shared one")
    func spawning() async throws {
        try await onVirtualLoop { (loop) throws in
            let order = OrderRecorder()
            loop.post {
                Greenlet.spawn {
                    order.record("child runs on \(CurrentLoop.current?.name ?? "none")")
                    Greenlet.spawn { order.record("grandchild runs on \(CurrentLoop.current?.name ?? "none")") }
                    order.record("child ends")
                }
                order.record("spawned")
            }
            try loop.runUntilIdle()
            #expect(
                order.entries == [
                    "spawned", "child runs on virtual", "child ends", "grandchild runs on virtual",
                ]
            )
        }
        #expect(try await Greenlet.spawn { CurrentLoop.current === IOLoop.shared }.value)
    }

    @Test("V1: what the library's background threads call is on no loop: its greenlets run on the shared one")
    func spawningOnTheDrain() async throws {
        for drain in [Drain.shared, .reports] {
            let spawned = Promise<Greenlet<Bool>>()
            drain.post { spawned.succeed(Greenlet.spawn { CurrentLoop.current === IOLoop.shared }) }
            #expect(try await spawned.future.value.value)
        }
    }

    @Test("V4: a greenlet that fails is reported if nobody looks, and the hub goes on")
    func failing() async throws {
        let reports = ReportCollector(containing: "Oops(number: 4711)")
        try await onVirtualLoop { (loop) throws in
            let order = OrderRecorder()
            Greenlet.spawn(on: loop) { throw Oops(number: 4711) }
            Greenlet.spawn(on: loop) { order.record("goes on") }
            try loop.runUntilIdle()
            #expect(order.entries == ["goes on"])
        }
        #expect(await reports.settledReports().count == 1)
    }

    @Test("V4: an error in one greenlet's callback does not hide its outcome from who waits")
    func failingObserver() async throws {
        let reports = ReportCollector(containing: "Oops(number: 4712)")
        try await onVirtualLoop { (loop) throws in
            let source = Greenlet.spawn(on: loop) { 5 }
            source.callback { _ in throw Oops(number: 4712) }
            let waiter = Greenlet.spawn(on: loop) { try source.wait() }
            let value = try loop.run(until: waiter)
            #expect(value == 5)
        }
        #expect(reports.settled().count == 1)
    }

    @Test("V6: callbacks for the hub run first in, first out, can be withdrawn, and wake a sleeping loop")
    func callbacks() async throws {
        try await onVirtualLoop { (loop) throws in
            let order = OrderRecorder()
            let timer = loop.schedule(after: .zero) { order.record("withdrawn") }
            for number in 0..<5 { loop.post { order.record("\(number)") } }
            #expect(timer.cancel())
            try loop.advance(by: .seconds(1))
            #expect(order.entries == ["0", "1", "2", "3", "4"])
        }
        try await onLoop { (loop) async throws in
            let promise = Promise<UInt>()
            let greenlet = Greenlet.spawn(on: loop) { (try promise.future.wait(), threadIdentity) }
            #expect(await eventually { promise.future._observers == 1 })
            // Again and again, until one post has found the loop asleep.
            let before = loop.wakeUps
            #expect(
                await eventually {
                    loop.post {}; return loop.wakeUps > before
                }
            )
            try await onThread { promise.succeed(threadIdentity) }
            let (there, here) = try await greenlet.value
            #expect(there != here)
        }
    }

    @Test("V7: an outcome that came before the wait is kept; the wrong party does not end a wait")
    func waiter() async throws {
        try await onVirtualLoop { (loop) throws in
            let order = OrderRecorder()
            let early = Promise<Int>()
            early.succeed(1)
            let (first, second) = (Promise<Int>(), Promise<Int>())
            let greenlet = Greenlet.spawn(on: loop) {
                order.record("early \(try early.future.wait())")
                #expect(throws: TimedOut.self) { try first.future.wait(timeout: .seconds(1)) }
                order.record("timed out")
                // The one it no longer waits for completes: that must not end this wait.
                order.record("second \(try second.future.wait())")
            }
            try loop.advance(by: .seconds(2))
            first.succeed(5)
            try loop.runUntilIdle()
            #expect(order.entries == ["early 1", "timed out"])
            second.succeed(6)
            try loop.run(until: greenlet)
            #expect(order.entries.last == "second 6")
        }
    }

    @Test("H13: a resumption that belongs to an earlier wait is ignored, also one that raced with its timeout")
    func staleResumption() async throws {
        try await onLoop { (loop) async throws in
            let rounds = stress(2_000)
            let spurious = Counter()
            let greenlet = Greenlet.spawn(on: loop) {
                for _ in 0..<rounds {
                    let promise = Promise<Int>()
                    Task.detached { promise.succeed(1) }
                    // Completion and timeout race; whichever wins, the next wait must be untouched by the other.
                    do { _ = try promise.future.wait(timeout: .microseconds(5)) } catch is TimedOut {}
                    do {
                        _ = try forever.future.wait(timeout: .microseconds(1))
                        spurious.add()
                    } catch is TimedOut {}
                }
            }
            try await greenlet.value
            #expect(spurious.value == 0)
        }
    }

    @Test("V8: yielding greenlets alternate")
    func yielding() async throws {
        try await onVirtualLoop { (loop) throws in
            let order = OrderRecorder()
            for name in ["1", "2"] {
                Greenlet.spawn(on: loop) {
                    order.record(name + "A")
                    try Greenlet.yield()
                    order.record(name + "B")
                }
            }
            try loop.runUntilIdle()
            #expect(order.entries == ["1A", "2A", "1B", "2B"])
        }
    }

    @Test("V8: greenlets that yield for ever starve neither timers nor callbacks")
    func starving() async throws {
        try await onLoop { (loop) async throws in
            let stops = Counter()
            let greenlet = Greenlet.spawn(on: loop) { () throws -> Bool in
                let end = LoopInstant.now.advanced(by: .seconds(60))
                while stops.value == 0, LoopInstant.now < end { try Greenlet.yield() }
                return stops.value > 0
            }
            // All on the loop: on a machine whose processors are taken, nobody else has to get a turn for the end to come.
            _ = loop.schedule(after: .milliseconds(5)) { [unowned loop] in
                loop.post { stops.add() }
            }
            #expect(try await greenlet.value)
        }
    }

    @Test("V8: sleepers wake in the order of their deadlines, and a sleep counts from the present")
    func sleeping() async throws {
        try await onVirtualLoop { (loop) throws in
            let order = OrderRecorder()
            for seconds in [3, 1, 2, 1] {
                Greenlet.spawn(on: loop) {
                    try Greenlet.sleep(for: .seconds(seconds))
                    order.record("\(seconds) at \(loop.now)")
                    try Greenlet.sleep(for: .seconds(10))
                    order.record("\(seconds) again at \(loop.now)")
                }
            }
            try loop.advanceUntilIdle()
            #expect(
                order.entries == [
                    "1 at 1.0 s", "1 at 1.0 s", "2 at 2.0 s", "3 at 3.0 s",
                    "1 again at 11.0 s", "1 again at 11.0 s", "2 again at 12.0 s", "3 again at 13.0 s",
                ]
            )
        }
    }

    @Test("V8: sleeping for nothing yields")
    func sleepZero() async throws {
        try await onVirtualLoop { (loop) throws in
            let order = OrderRecorder()
            for name in ["1", "2"] {
                Greenlet.spawn(on: loop) {
                    order.record(name + "A")
                    try Greenlet.sleep(for: .zero)
                    order.record(name + "B")
                    try Greenlet.sleep(for: .seconds(-1))
                    order.record(name + "C")
                }
            }
            try loop.runUntilIdle()
            #expect(order.entries == ["1A", "2A", "1B", "2B", "1C", "2C"])
            #expect(loop.now.nanoseconds == 0)
        }
    }

    @Test("H5: the shared hub has a thread of its own, so that main-actor work goes on while greenlets run")
    func mainActor() async throws {
        let greenlet = Greenlet.spawn { () throws -> Int in
            try Greenlet.await { await MainActor.run { 1 } }
        }
        #expect(try await greenlet.value == 1)
    }

    @Test("V33: a dump has a line for each greenlet: its name, what it does, what it waits for")
    func dump() async throws {
        try await onVirtualLoop { (loop) throws in
            let promise = Promise<Int>()
            Greenlet.spawn(on: loop, name: "waiter") { _ = try promise.future.wait() }
            try loop.runUntilIdle()
            Greenlet.spawn(on: loop, name: "fresh") {}
            try loop.runUntilIdle()
            let text = try loop.run(until: Hub.dump(of: loop))
            #expect(text.hasPrefix("1 greenlets on loop \"virtual\""))
            #expect(text.contains("waiter") && text.contains("parked, waits for Future<Int>"))
            promise.succeed(1)
        }
    }

    @Test("V33: a dump is taken on the loop's thread, at once for who is there; a stopped loop has no greenlets")
    func dumpElsewhere() async throws {
        try await onLoop("dumped") { (loop) async throws in
            Greenlet.spawn(on: loop, name: "here to stay") { try forever.future.wait() }
            let inside = Promise<Bool>()
            loop.post { inside.succeed(Hub.dump(of: loop).isCompleted) }
            #expect(try await inside.future.value)
            #expect(try await onThread { try Hub.dump(of: loop).wait() }.contains("here to stay"))
            loop.stop()
            try await loop.stopped.value
            #expect(try await Hub.dump(of: loop).value == "0 greenlets on loop \"dumped\"")
        }
    }
}
