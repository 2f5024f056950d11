// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CStackSwitch
import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

@Suite("Fibers: lifetime")
struct FiberLifetimeTests {
    @Test("G5, H7: a body and its captures are released when it returns, not when the handle goes")
    func captures() async throws {
        try await onThread {
            let ended = Counter()
            func make() -> Fiber<Int> {
                let sentinel = Sentinel(ended)
                return Fiber { number in
                    sentinel.use()
                    return number
                }
            }
            let fibers = (0..<100).map { _ in make() }
            for fiber in fibers { try send(1, to: fiber) }
            #expect(ended.value == 100)
            withExtendedLifetime(fibers) {}
        }
    }

    @Test("G36, G37: when the last reference to a suspended fiber goes, it unwinds, and control comes back")
    func dropping() async throws {
        try await onThread {
            let order = OrderRecorder()
            func scope() throws {
                let elsewhere = Fiber<Int>(name: "elsewhere") { $0 }
                let fiber = Fiber<Int>(name: "dropped", parent: elsewhere) { _ in
                    defer {
                        order.record(
                            "unwound under \(Fiber<Int>.current.parent == Fiber<Int>.current ? "itself" : "another")"
                        )
                    }
                    do { return try Fiber<Int>.main.switch(1) } catch {
                        order.record("\(type(of: error))")
                        throw error
                    }
                }
                try send(0, to: fiber)
                order.record("about to drop")
            }
            try scope()
            order.record("dropped")
            #expect(order.entries == ["about to drop", "GreenletExit", "unwound under another", "dropped"])
        }
    }

    @Test("G40: dropping a pending or dead fiber frees it at once, and the body never runs")
    func droppingIdle() async throws {
        try await onThread {
            let ended = Counter()
            let ran = Counter()
            func make() -> Fiber<Int> {
                let sentinel = Sentinel(ended)
                return Fiber { number in
                    sentinel.use()
                    ran.add()
                    return number
                }
            }
            var fiber: Fiber<Int>? = make()
            #expect(fiber!.isPending)
            fiber = nil
            #expect(ended.value == 1 && ran.value == 0)
        }
    }

    @Test("G38, H8: a fiber dropped on another thread unwinds on its own, at the next call there")
    func droppedElsewhere() async throws {
        try await onThread {
            let ended = Counter()
            let here = threadIdentity
            let places = Log<UInt>()
            var fiber: Fiber<Int>? = Fiber<Int> { _ in
                defer {
                    places.add(threadIdentity)
                    ended.add()
                }
                return try Fiber.current.parent!.switch(1)
            }
            try send(0, to: fiber!)
            // SAFETY: this thread waits while the other one drops the reference.
            let last = Lock(Unchecked<Fiber<Int>?>(fiber))
            fiber = nil
            try Future.offThread { last.withLock { $0.value = nil } }.wait()
            #expect(ended.value == 0)
            try send(1, to: Fiber { $0 })
            #expect(ended.value == 1)
            #expect(places.entries == [here])
        }
    }

    @Test("G39: an error thrown in answer to GreenletExit is reported, and does not reach who dropped the fiber")
    func throwsInAnswer() async throws {
        let reports = ReportCollector(containing: "fiber sulky")
        try await onThread {
            var fiber: Fiber<Int>? = Fiber<Int>(name: "sulky") { _ in
                do { return try Fiber.current.parent!.switch(1) } catch { throw Oops(number: 9) }
            }
            try send(0, to: fiber!)
            fiber = nil
        }
        let text = await reports.settledReports().map { "\($0)" }
        #expect(text.count == 1 && text[0].contains("Oops(number: 9)"))
    }

    @Test("G39, H6: a fiber that goes on after GreenletExit is given up after some tries, kept and reported")
    func refuses() async throws {
        let reports = ReportCollector(containing: "fiber stubborn")
        let tries = Counter()
        let before = sy_stack_get_statistics().abandoned
        try await onThread {
            var fiber: Fiber<Int>? = Fiber<Int>(name: "stubborn") { _ in
                while true {
                    do { _ = try Fiber.current.parent!.switch(1) } catch { tries.add() }
                }
            }
            try send(0, to: fiber!)
            fiber = nil
            #expect(try send(5, to: Fiber { $0 }) == 5)
        }
        #expect(tries.value == 16)
        #expect(await reports.settledReports().count == 1)
        #expect(sy_stack_get_statistics().abandoned > before)
    }

    @Test("G42, H7: thousands of fibers, ended, suspended or failed, leave nothing behind", arguments: 0..<3)
    func flat(round: Int) async throws {
        let ended = Counter()
        let count = stress(2_000)
        try await onThread {
            for number in 0..<count {
                let sentinel = Sentinel(ended)
                let fiber = Fiber<Int> { message in
                    sentinel.use()
                    if message % 3 == 0 { return message }
                    if message % 3 == 1 { throw Oops() }
                    return try Fiber.current.parent!.switch(message)
                }
                _ = try? fiber.switch(number)
            }
        }
        #expect(await eventually { ended.value == count })
    }

    @Test("G42: fibers suspended when their thread exits are unwound there")
    func threadExit() async throws {
        let ended = Counter()
        let count = stress(1_000)
        let keeper = try await onThread {
            let fibers = (0..<count).map { _ in
                let sentinel = Sentinel(ended)
                return Fiber<Int> { message in
                    defer { sentinel.use() }
                    return try Fiber.current.parent!.switch(message)
                }
            }
            for fiber in fibers { try send(1, to: fiber) }
            let keeper = Fiber<Int> { message in
                defer { withExtendedLifetime(fibers) {} }
                return try Fiber.current.parent!.switch(message)
            }
            try send(1, to: keeper)
            // SAFETY: only kept, and released, which is allowed on any thread.
            return Unchecked(keeper)
        }
        // Nobody drops the fibers: their keeper is held here until they have ended.
        #expect(await eventually { ended.value == count })
        withExtendedLifetime(keeper) {}
    }

    @Test(
        "G9: a stack that cannot be had leaves the fiber pending, with an error that says so",
        .enabled(if: hasStacks, needsStacks)
    )
    func noMemory() async throws {
        try await onThread {
            let fiber = Fiber<Int>(name: "huge", stackSize: 1 << 60) { $0 }
            let error = #expect(throws: FiberError.self) { try send(1, to: fiber) }
            #expect(error?.reason == .noMemory)
            #expect(fiber.isPending)
        }
    }
}
