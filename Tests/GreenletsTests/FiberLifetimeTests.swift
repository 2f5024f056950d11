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
        try await onThread { () throws in
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

    @Test(
        "G36: when the last reference to a suspended fiber goes, it unwinds there, and what is under way is still delivered"
    )
    func dropping() async throws {
        try await onThread { () throws in
            let order = OrderRecorder()
            func scope() throws {
                let elsewhere = Fiber<Int>(name: "elsewhere") { $0 }
                let fiber = Fiber<Int>(name: "dropped", parent: elsewhere) { _ in
                    defer { order.record("defer") }
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
            #expect(order.entries == ["about to drop", "GreenletExit", "defer", "dropped"])
            // Nobody has a reference any more to who sends this.
            let last = try lastOf { first in
                defer { order.record("unwound") }
                return try Fiber<Int>.main.switch(first * 2)
            }
            #expect(try send(21, to: last) == 42)
            #expect(order.entries.last == "unwound")
        }
    }

    @Test("G37: while it unwinds its parent is who dropped it, and its own again if somebody gets hold of it meanwhile")
    func parentOfTheDropped() async throws {
        try await onThread { () throws in
            let rescued = Kept()
            let parents = Kept()
            let dropper = Fiber<Int>(name: "dropper") { first in
                func scope() throws {
                    let fiber = Fiber<Int>(name: "dropped", parent: Fiber.main) { number in
                        do { return try Fiber<Int>.current.parent!.switch(number) } catch {
                            rescued.value = Fiber.current
                            parents.value = Fiber.current.parent
                            return try Fiber<Int>.current.parent!.switch(number) + 1
                        }
                    }
                    try fiber.setParent(Fiber.current)
                    try send(7, to: fiber)
                    try fiber.setParent(Fiber.main)
                }
                try scope()
                #expect(parents.value == Fiber.current)
                #expect(rescued.value!.isActive && rescued.value!.parent == Fiber.main)
                return first
            }
            #expect(try send(1, to: dropper) == 1)
            // It goes on where it was, and control to its own parent.
            #expect(try send(5, to: rescued.value!) == 6)
            #expect(rescued.value!.isDead)
        }
    }

    @Test("G40: dropping a pending or dead fiber frees it at once, and the body of the pending one never runs")
    func droppingIdle() async throws {
        try await onThread { () throws in
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

            // The dead one's parent is freed with it.
            var dead: Fiber<Int>? = Fiber(parent: make()) { $0 }
            #expect(throws: Oops.self) { try dead!.throw(Oops()) }
            #expect(dead!.isDead && ended.value == 2 && ran.value == 0)
            let suspended = Fiber.suspendedCount
            dead = nil
            #expect(Fiber.suspendedCount == suspended)
        }
    }

    @Test("G38, H8: a fiber dropped on another thread unwinds on its own, at the next call there")
    func droppedElsewhere() async throws {
        try await onThread { () throws in
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
        try await onThread { () throws in
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
        try await onThread { () throws in
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
        try await onThread { () throws in
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
        let keeper = try await onThread { () throws in
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
        try await onThread { () throws in
            let fiber = Fiber<Int>(name: "huge", stackSize: 1 << 60) { $0 }
            let error = #expect(throws: FiberError.self) { try send(1, to: fiber) }
            #expect(error?.reason == .noMemory)
            #expect(fiber.isPending)
        }
    }

    @Test("G36: a suspended fiber that holds children which have ended can still be dropped")
    func deadChildren() async throws {
        try await onThread { () throws in
            let ended = Counter()
            func scope() throws {
                let fiber = Fiber<Int> { first in
                    defer { ended.add() }
                    let ran = Fiber<Int> { $0 }
                    try send(1, to: ran)
                    let killed = Fiber<Int> { $0 }
                    _ = try throwExit(into: killed)
                    defer { withExtendedLifetime((ran, killed)) {} }
                    return try Fiber<Int>.main.switch(first)
                }
                try send(1, to: fiber)
            }
            try scope()
            #expect(ended.value == 1)
        }
    }

    @Test(
        "G41: a fiber that its own frames hold, or a circle of them, is not freed, but counted, and ends with its thread"
    )
    func circle() async throws {
        let ended = Counter()
        try await onThread { () throws in
            let before = Fiber.suspendedCount
            func scope() throws {
                let fiber = Fiber<Int>(name: "circular") { first in
                    defer { ended.add() }
                    let itself = Fiber<Int>.current
                    defer { withExtendedLifetime(itself) {} }
                    return try Fiber<Int>.main.switch(first)
                }
                try send(1, to: fiber)
                #expect(Fiber.suspendedCount == before + 1)
            }
            try scope()
            #expect(ended.value == 0 && Fiber.suspendedCount == before + 1)
            #expect(Fiber.dump().contains("fiber circular (suspended)"))
        }
        #expect(await eventually { ended.value == 1 })
    }

    @Test("G6: the stack of a fiber that has ended is back in the pool, and there is nothing to see of it")
    func stackGivenBack() async {
        await #expect(processExitsWith: .success) {
            try await onThread { () throws in
                let before = sy_stack_get_statistics().live
                let fiber = Fiber<Int> { first in
                    precondition(!hasStacks || sy_stack_get_statistics().live == before + 1)
                    return first
                }
                try send(1, to: fiber)
                precondition(fiber.isDead && !fiber.isActive)
                precondition(sy_stack_get_statistics().live == before)
                precondition(fiber.backtrace.isEmpty && fiber.stackHighWater == 0)
            }
        }
    }

    @Test(
        "G9: a stack that the system refuses leaves the fiber pending, and a retry works",
        .enabled(if: hasStacks && Environment.canLimitMemory, needsStacks)
    )
    func retry() async {
        await #expect(processExitsWith: .success) {
            try await onThread { () throws in
                let fiber = Fiber<Int>(name: "large", stackSize: 1 << 28) { $0 + 1 }
                var reason: FiberError.Reason?
                Environment.limitMemory(true)
                do { try send(1, to: fiber) } catch { reason = (error as? FiberError)?.reason }
                Environment.limitMemory(false)
                precondition(reason == .noMemory && fiber.isPending)
                let answer = try send(1, to: fiber)
                precondition(answer == 2)
            }
        }
    }

    @Test(
        "G51: a fiber made while something is destroyed has the fiber for its parent that runs then, also after a detour"
    )
    func madeInDeinit() async throws {
        try await onThread { () throws in
            final class Maker {
                let made: Kept
                let detour: Bool
                init(_ made: Kept, detour: Bool) {
                    self.made = made
                    self.detour = detour
                }
                deinit {
                    if detour {
                        let elsewhere = Future.offThread {
                            try send(1, to: Fiber { try Fiber<Int> { $0 }.switch($0) })
                        }
                        _ = try? elsewhere.wait()
                    }
                    made.value = Fiber(name: "made") { $0 }
                }
            }
            for detour in [false, true] {
                let made = Kept()
                let fiber = Fiber<Int>(name: "creator") { first in
                    var maker: Maker? = Maker(made, detour: detour)
                    withExtendedLifetime(maker) {}
                    maker = nil
                    #expect(
                        made.value!.parent == Fiber.current && "\(Fiber<Int>.current)".contains("creator (running)")
                    )
                    // And by the unwinding of one that is dropped: in that one, while it unwinds.
                    func scope() throws {
                        let dropped = Fiber<Int>(name: "dropped") { number in
                            let maker = Maker(made, detour: detour)
                            defer { withExtendedLifetime(maker) {} }
                            return try Fiber<Int>.current.parent!.switch(number)
                        }
                        try send(1, to: dropped)
                    }
                    made.value = nil
                    try scope()
                    #expect(made.value!.parent!.description.contains("fiber dropped (dead)"))
                    #expect("\(Fiber<Int>.current)".contains("creator (running)"))
                    made.value = nil
                    return first
                }
                #expect(try send(1, to: fiber) == 1)
            }
        }
    }
}
