// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CStackSwitch
import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

@Suite("Fibers: lifetime, and what they stand on")
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

    @Test("G46, H3: a task-local binding of one fiber is not seen in another", .enabled(if: keepsTaskLocals))
    func locals() async throws {
        try await onThread {
            let seen = OrderRecorder()
            func worker(_ name: String) -> Fiber<Int> {
                Fiber { _ in
                    Local.$name.withValue(name) {
                        _ = try? Fiber<Int>.main.switch(0)
                        seen.record("\(name) sees \(Local.name)")
                        _ = try? Fiber<Int>.main.switch(0)
                    }
                    seen.record("\(name) ends with \(Local.name)")
                    return 0
                }
            }
            let first = worker("first")
            let second = worker("second")
            for fiber in [first, second, first, second, first, second] { try send(0, to: fiber) }
            #expect(Local.name == "none")
            #expect(
                seen.entries == [
                    "first sees first", "second sees second", "first ends with none", "second ends with none",
                ]
            )
        }
    }

    @Test("H2: exclusive accesses held across a switch belong to their fiber")
    func accesses() async throws {
        try await onThread {
            final class Shared {
                var list: [Int] = []
            }
            let shared = Shared()
            func hold(_ list: inout [Int]) throws {
                list.append(1)
                _ = try Fiber<Int>.main.switch(0)
                list.append(2)
            }
            let other = Shared()
            let first = Fiber<Int> { _ in
                try hold(&shared.list); return 0
            }
            let second = Fiber<Int> { _ in
                try hold(&other.list); return 0
            }
            for fiber in [first, second, first, second] { try send(0, to: fiber) }
            #expect(shared.list == [1, 2] && other.list == [1, 2])
        }
    }

    @Test("H20: a fiber on top of a greenlet is not that greenlet: its waits are refused, and so is yielding")
    func onGreenlet() async throws {
        try await onLoop { (loop) async throws in
            let result = Greenlet.spawn(on: loop, name: "ground") {
                let fiber = Fiber<Int> { _ in
                    #expect(Greenlet.current == nil)
                    #expect(refusal { try forever.future.wait() } == .foreignTask)
                    #expect(refusal { try Greenlet.yield() } == .foreignTask)
                    #expect(refusal { try Greenlet.sleep(for: .seconds(1)) } == .foreignTask)
                    #expect(refusal { try Greenlet.await {} } == .foreignTask)
                    return try Future.succeeded(1).wait()
                }
                #expect(try send(0, to: fiber) == 1)
                #expect(Greenlet.current?.name == "ground")
                try Greenlet.yield()
            }
            try await result.value
        }
    }

    @Test("H20: a raw fiber's wait inside a task is refused, and inside a portal too")
    func inTask() async throws {
        func inFiber(_ body: @escaping () -> WouldDeadlock.Place?) throws -> WouldDeadlock.Place? {
            try Fiber<WouldDeadlock.Place?> { _ in body() }.switch(nil)
        }
        func synchronously() throws {
            #expect(try inFiber { refusal { try forever.future.wait() } } == .task)
        }
        try synchronously()
        try await Greenlet.run {
            let wait = try inFiber { refusal { try forever.future.wait() } }
            let yield = try inFiber { refusal { try Greenlet.yield() } }
            #expect(wait == .foreignTask && yield == .foreignTask)
            #expect(Greenlet.current != nil)
        }
    }

    @Test("H20: in a fiber on a plain thread a wait blocks the thread")
    func onThreadBlocks() async throws {
        try await onThread {
            let promise = Promise<Int>()
            let helper = Future.offThread { promise.succeed(5) }
            let fiber = Fiber<Int> { _ in try promise.future.wait() }
            #expect(try send(0, to: fiber) == 5)
            try helper.wait()
        }
    }

    @Test("G33: fibers of one greenlet cannot be switched to from another")
    func foreignGreenlet() async throws {
        try await onLoop { (loop) async throws in
            let shared = Log<Unchecked<Fiber<Int>>>()
            let ended = Counter()
            let release = Promise<Void>()
            let owner = Greenlet.spawn(on: loop, name: "owner") {
                let fiber = Fiber<Int>(name: "owned") { _ in
                    defer { ended.add() }
                    return try Fiber.current.parent!.switch(1)
                }
                try send(0, to: fiber)
                shared.add(Unchecked(fiber))
                try release.future.wait()
            }
            let thief = Greenlet.spawn(on: loop, name: "thief") {
                // SAFETY: both run on the loop's thread.
                let error = #expect(throws: FiberError.self) { try send(1, to: shared.entries[0].value) }
                #expect(error?.reason == .foreignGreenlet)
                #expect("\(error!)".contains("owner") && "\(error!)".contains("thief"))
            }
            try await thief.value
            #expect(ended.value == 0)
            release.succeed(())
            try await owner.value
            // The owner's end has unwound it, although the handle is still there.
            #expect(await eventually { ended.value == 1 })
        }
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

    @Test("G17: a fiber makes a generator of nested calls")
    func nestedYield() async throws {
        try await onThread {
            final class Tree {
                let value: Int
                let children: [Tree]
                init(_ value: Int, _ children: [Tree] = []) {
                    self.value = value
                    self.children = children
                }
                func visit(_ yield: (Int) throws -> Void) throws {
                    for child in children { try child.visit(yield) }
                    try yield(value)
                }
            }
            let tree = Tree(7, [Tree(3, [Tree(1), Tree(2)]), Tree(6, [Tree(4), Tree(5)])])
            let walker = Fiber<Int?> { _ in
                try tree.visit { _ = try Fiber<Int?>.current.parent!.switch($0) }
                return nil
            }
            var seen: [Int] = []
            while let value = try send(nil, to: walker) { seen.append(value) }
            #expect(seen == [1, 2, 3, 4, 5, 6, 7])
        }
    }
}

enum Local {
    @TaskLocal static var name = "none"
}
