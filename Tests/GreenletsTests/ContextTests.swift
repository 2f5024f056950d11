// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

@Suite("Contexts of greenlets and fibers")
struct ContextTests {
    @Test(
        "G46: a new greenlet has an empty context, whatever its maker sees, and interleaved ones keep their own values"
    )
    func empty() async throws {
        try await onVirtualLoop { (loop) throws in
            let variable = ContextVariable("number", default: 0)
            variable.value = 100
            let greenlets = (1...4).map { number in
                Greenlet.spawn(on: loop) { () throws -> [Int] in
                    #expect(GreenletContext.current == nil)
                    var seen = [variable.value]
                    for step in 1...3 {
                        variable.value = number * 10 + step
                        try Greenlet.yield()
                        seen.append(variable.value)
                    }
                    variable.reset()
                    return seen + [variable.value]
                }
            }
            try loop.runUntilIdle()
            for (index, greenlet) in greenlets.enumerated() {
                let base = (index + 1) * 10
                #expect(try greenlet.outcome?.get() == [0, base + 1, base + 2, base + 3, 0])
            }
            #expect(variable.value == 100)
        }
        try await onThread { () throws in
            let variable = ContextVariable("number", default: 0)
            variable.value = 100
            let fibers = (1...4).map { number in
                Fiber<Int> { _ in
                    #expect(try Fiber<Int>.current.context == nil && variable.value == 0)
                    variable.value = number
                    _ = try Fiber<Int>.main.switch(0)
                    return variable.value
                }
            }
            for fiber in fibers { try send(0, to: fiber) }
            for (index, fiber) in fibers.enumerated() { #expect(try send(0, to: fiber) == index + 1) }
            #expect(variable.value == 100)
        }
    }

    @Test(
        "G46: a fiber that is given a copy sees its values and writes for itself; given the object itself, for both; nil clears"
    )
    func assigning() async throws {
        try await onThread { () throws in
            let variable = ContextVariable("word", default: "none")
            variable.value = "outside"
            let outside = try #require(GreenletContext.current)
            func make() -> Fiber<String> {
                Fiber { word in
                    let before = variable.value
                    variable.value = word
                    _ = try Fiber<String>.main.switch(before)
                    return variable.value
                }
            }
            let copying = make()
            try copying.setContext(outside.copy())
            #expect(try send("copy", to: copying) == "outside")
            #expect(variable.value == "outside")
            let sharing = make()
            try sharing.setContext(outside)
            #expect(try send("shared", to: sharing) == "outside")
            #expect(variable.value == "shared" && outside[variable] == "shared")
            variable.value = "again"
            #expect(try send("", to: sharing) == "again")
            #expect(try copying.context?[variable] == "copy")
            try copying.setContext(nil)
            #expect(try copying.context == nil)
            #expect(try send("", to: copying) == "none")
        }
    }

    @Test("G46: who spawns chooses: nothing, a copy of what it sees now, or one context for both")
    func spawning() async throws {
        try await onVirtualLoop { (loop) throws in
            let variable = ContextVariable("word", default: "none")
            let shared = GreenletContext()
            shared[variable] = "shared"
            let spawner = Greenlet.spawn(on: loop) { () throws -> [Greenlet<String>] in
                variable.value = "spawner"
                func body() -> String {
                    defer { variable.value = "changed" }
                    return variable.value
                }
                let children = [
                    Greenlet.spawn { body() },
                    Greenlet.spawn(context: .inherit) { body() },
                    Greenlet.spawnLater(.seconds(1), context: .inherit) { body() },
                    Greenlet.spawn(context: .share(shared)) { body() },
                    Greenlet.spawn(context: .share(shared)) { body() },
                    Greenlet.paused(context: .share(shared.copy())) { body() },
                ]
                children.last!.start()
                // Too late for those that are spawned.
                variable.value = "later"
                return children
            }
            try loop.advance(by: .seconds(2))
            let children = try #require(spawner.outcome).get()
            let seen = try children.map { try #require($0.outcome).get() }
            #expect(seen == ["none", "spawner", "spawner", "shared", "changed", "shared"])
            #expect(shared[variable] == "changed")
        }
    }

    @Test(
        "G46: code runs in another context up to its end, over switches and errors, and several greenlets may at once"
    )
    func running() async throws {
        try await onVirtualLoop { (loop) throws in
            let variable = ContextVariable("number", default: 0)
            let context = GreenletContext()
            context[variable] = 1
            let greenlets = (0..<2).map { _ in
                Greenlet.spawn(on: loop) { () throws -> [Int] in
                    variable.value = 50
                    var seen: [Int] = []
                    #expect(throws: Oops.self) {
                        try context.run {
                            seen.append(variable.value)
                            variable.value += 1
                            try Greenlet.yield()
                            seen.append(variable.value)
                            GreenletContext().run { seen.append(variable.value) }
                            throw Oops()
                        }
                    }
                    return seen + [variable.value]
                }
            }
            try loop.runUntilIdle()
            #expect(try greenlets[0].outcome?.get() == [1, 3, 0, 50])
            #expect(try greenlets[1].outcome?.get() == [2, 3, 0, 50])
            #expect(context[variable] == 3)
            context.removeValue(of: variable)
            #expect(context[variable] == 0)
        }
    }

    @Test("G46: in a task outside of every greenlet variables have their defaults, and what is set there is reported")
    func tasks() async throws {
        let reports = ReportCollector(containing: "ContextVariable \"unheard of\"")
        let runs = ReportCollector(containing: "GreenletContext.run was called in a task outside")
        let variable = ContextVariable("unheard of", default: 1)
        let context = GreenletContext()
        context[variable] = 2
        variable.value = 3
        #expect(variable.value == 1)
        #expect(context.run { variable.value } == 1)
        #expect(GreenletContext.current == nil)
        #expect(await reports.settledReports().count == 1)
        #expect(await runs.settledReports().count >= 1)
        try await onLoop { (loop) async throws in
            let seen = try await Greenlet.run(on: loop) { () throws -> [Int] in
                variable.value = 4
                return [try Greenlet.await { variable.value }, variable.value]
            }
            #expect(seen == [1, 4])
        }
    }

    @Test("G46: what a context gives up may use it")
    func givingUp() async throws {
        try await onThread { () throws in
            final class Last: Sendable {
                let context: GreenletContext
                let log: Log<Int>
                let number: ContextVariable<Int>
                init(_ context: GreenletContext, _ number: ContextVariable<Int>, _ log: Log<Int>) {
                    (self.context, self.number, self.log) = (context, number, log)
                }
                deinit {
                    log.add(context[number])
                    context[number] += 1
                }
            }
            let log = Log<Int>()
            let number = ContextVariable("number", default: 7)
            let object = ContextVariable<Last?>("object", default: nil)
            let context = GreenletContext()
            context.run {
                object.value = Last(context, number, log)
                object.value = nil
                #expect(number.value == 8)
            }
            #expect(log.entries == [7])
        }
    }

    @Test("G47: a fiber's context can be read and replaced while it is pending, runs, is suspended or has ended")
    func states() async throws {
        try await onThread { () throws in
            let variable = ContextVariable("number", default: 0)
            func context(_ number: Int) -> GreenletContext {
                let context = GreenletContext()
                context[variable] = number
                return context
            }
            let fiber = Fiber<Int> { _ in
                let here = Fiber<Int>.current
                let seen = try [variable.value, here.context?[variable]]
                try here.setContext(context(2))
                _ = try Fiber<Int>.main.switch(seen == [1, 1] ? variable.value : -1)
                return variable.value
            }
            try fiber.setContext(context(1))
            #expect(try fiber.isPending && fiber.context?[variable] == 1)
            #expect(try send(0, to: fiber) == 2)
            let third = context(3)
            #expect(try fiber.context?[variable] == 2)
            try fiber.setContext(third)
            #expect(try send(0, to: fiber) == 3)
            #expect(try fiber.isDead && fiber.context === third)
            try fiber.setContext(nil)
            #expect(try fiber.context == nil)
            // A main fiber's is its thread's.
            variable.value = 9
            #expect(try Fiber<Int>.main.context?[variable] == 9)
            try Fiber<Int>.main.setContext(third)
            #expect(variable.value == 3)
        }
    }

    @Test("G47: on another thread than the fiber's that is refused, and names both, until the thread has ended")
    func otherThreads() async throws {
        let left = try await onThread { () throws in
            let context = GreenletContext()
            let fiber = Fiber<Int>(name: "at home") { try Fiber.main.switch($0) }
            try fiber.setContext(context)
            try send(1, to: fiber)
            // SAFETY: this thread waits meanwhile, and its fiber is not touched.
            let unchecked = Unchecked(fiber)
            let texts = try Future.offThread {
                [text { _ = try unchecked.value.context }, text { try unchecked.value.setContext(nil) }]
            }.wait()
            #expect(texts.allSatisfy { $0.contains("fiber at home") && $0.contains(" belongs to thread 0x") })
            #expect(try fiber.context === context)
            return Unchecked(fiber)
        }
        #expect(await eventually { (try? left.value.setContext(GreenletContext())) != nil })
        #expect(try left.value.context != nil)
        try left.value.setContext(nil)
        #expect(try left.value.context == nil)
    }

    @Test("G47: the same for greenlets: on their thread in every state, refused on another one")
    func greenlets() async throws {
        try await onLoop { (loop) async throws in
            let variable = ContextVariable("number", default: 0)
            let gate = Promise<Void>()
            let parked = Greenlet.spawn(on: loop, name: "parked") { () throws -> Int in
                variable.value = 1
                try gate.future.wait()
                return variable.value
            }
            let seen = try await Greenlet.spawn(on: loop) { () throws -> [Int?] in
                var seen = [try GreenletContext.of(parked)?[variable]]
                let context = GreenletContext()
                context[variable] = 2
                try parked.setContext(context)
                let pending = Greenlet.spawn { variable.value }
                try pending.setContext(context)
                let own = try #require(Greenlet.current)
                try own.setContext(context.copy())
                seen.append(variable.value)
                variable.value = 5
                seen.append(try pending.wait())
                seen.append(try GreenletContext.of(pending)?[variable])
                try pending.setContext(nil)
                seen.append(try GreenletContext.of(pending)?[variable])
                return seen
            }.value
            #expect(seen == [1, 2, 2, 2, nil])
            #expect(text { _ = try GreenletContext.of(parked) }.contains("the context of parked"))
            #expect(throws: GreenletMisuse.self) { try parked.setContext(nil) }
            gate.succeed(())
            #expect(try await parked.value == 2)
            #expect(throws: GreenletMisuse.self) { try parked.setContext(nil) }
        }
    }
}
