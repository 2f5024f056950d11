// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
import CStackSwitch
import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

/// Not Sendable, like most of what is worth having once for each greenlet. Notes the thread that it ends on.
private final class Belonging {
    var number = 0
    private let ends: Log<UInt>
    init(_ ends: Log<UInt>) { self.ends = ends }
    deinit { ends.add(threadIdentity) }
}

/// A local that can be let go, and notes where its values end.
private final class Held: Sendable {
    private let local: Lock<GreenletLocal<Belonging>?>

    init(_ ends: Log<UInt>, whenMade: @escaping @Sendable () -> Void = {}) {
        local = Lock(
            GreenletLocal {
                whenMade()
                return Belonging(ends)
            }
        )
    }

    var value: GreenletLocal<Belonging>? { local.withLock { $0 } }

    /// What it was before, in the value of the caller; nil if the local has gone.
    @discardableResult
    func exchange(_ new: Int) -> Int? {
        guard let value = value?.value else { return nil }
        defer { value.number = new }
        return value.number
    }

    func drop() {
        let last = local.withLock { local in
            defer { local = nil }
            return local
        }
        withExtendedLifetime(last) {}
    }
}

/// In a callback of the loop's own.
private func onItsThread<Value: Sendable>(
    _ loop: IOLoop,
    _ body: @escaping @Sendable () -> Value
) async throws -> Value {
    let promise = Promise<Value>()
    loop.post { promise.succeed(body()) }
    return try await promise.future.value
}

@Suite("Greenlet-local values")
struct LocalTests {
    @Test("V32: each greenlet has its own value, made when it is first asked for")
    func greenlets() async throws {
        try await onVirtualLoop { (loop) throws in
            let made = Counter()
            let local = GreenletLocal { () -> [Int] in
                made.add()
                return []
            }
            let greenlets = (0..<4).map { number in
                Greenlet.spawn(on: loop) { () throws -> [Int] in
                    for step in 0..<3 {
                        local.value.append(number * 10 + step)
                        try Greenlet.yield()
                    }
                    return local.value
                }
            }
            Greenlet.spawn(on: loop) { try Greenlet.yield() }
            try loop.runUntilIdle()
            for (number, greenlet) in greenlets.enumerated() {
                #expect(try greenlet.outcome?.get() == (0..<3).map { number * 10 + $0 })
            }
            #expect(made.value == 4)
            #expect(local.value == [])
            #expect(made.value == 5)
        }
    }

    @Test("V32: a value may wait when it is made, and can be given back for a new one")
    func making() async throws {
        try await onVirtualLoop { (loop) throws in
            let gate = Promise<Int>()
            let local = GreenletLocal { (try? gate.future.wait()) ?? -1 }
            let greenlet = Greenlet.spawn(on: loop) { () throws -> [Int] in
                var seen = [local.value]
                local.value = 2
                seen.append(local.value)
                local.reset()
                seen.append(local.value)
                return seen
            }
            try loop.runUntilIdle()
            #expect(!greenlet.isDead)
            gate.succeed(1)
            try loop.runUntilIdle()
            #expect(try greenlet.outcome?.get() == [1, 2, 1])
        }
    }

    @Test("V32: a value is taken and set as a whole: a change in place may park, and is no open access")
    func changesInPlace() async throws {
        try await onVirtualLoop { (loop) throws in
            let local = GreenletLocal { [0] }
            func change(_ value: inout [Int], by amount: Int) throws {
                value.append(amount)
                try Greenlet.yield()
                // The one that is being changed is a copy.
                #expect(local.value == [0])
                local.value = [7]
                value.append(amount)
            }
            let greenlets = (1...3).map { number in
                Greenlet.spawn(on: loop) { () throws -> [Int] in
                    try change(&local.value, by: number)
                    return local.value
                }
            }
            try loop.runUntilIdle()
            for (index, greenlet) in greenlets.enumerated() {
                #expect(try greenlet.outcome?.get() == [0, index + 1, index + 1])
            }
        }
    }

    @Test("V32: a portal has its own value, and what it awaits is outside of it")
    func portals() async throws {
        try await onLoop { (loop) async throws in
            let local = GreenletLocal { 0 }
            let seen = try await Greenlet.run(on: loop) { () throws -> [Int] in
                local.value = 1
                let inside = try Greenlet.await { local.value }
                let nested = try Greenlet.await { try await Greenlet.run(on: loop) { local.value } }
                try Greenlet.yield()
                return [inside, nested, local.value]
            }
            #expect(seen == [0, 0, 1])
        }
    }

    @Test("G8, V32: each fiber has its own value, and so has the code outside of fibers")
    func fibers() async throws {
        try await onThread { () throws in
            let local = GreenletLocal { 0 }
            local.value = 100
            let fibers = (1...3).map { number in
                Fiber<Int> { first in
                    #expect(local.value == 0)
                    local.value = first * number
                    _ = try Fiber<Int>.main.switch(local.value)
                    return local.value + 1
                }
            }
            #expect(local.value == 100)
            for (index, fiber) in fibers.enumerated() { #expect(try send(10, to: fiber) == 10 * (index + 1)) }
            #expect(local.value == 100)
            for (index, fiber) in fibers.enumerated() { #expect(try send(0, to: fiber) == 10 * (index + 1) + 1) }
            #expect(local.value == 100)
        }
        try await onLoop { (loop) async throws in
            let local = GreenletLocal { 0 }
            let seen = try await Greenlet.spawn(on: loop) { () throws -> [Int] in
                local.value = 1
                let fiber = Fiber<Int> { _ in
                    local.value += 5
                    return local.value
                }
                let first = local.value
                return [first, try fiber.switch(0), local.value]
            }.value
            #expect(seen == [1, 5, 1])
        }
    }

    @Test("G8: a copy of a fiber is the same fiber")
    func copies() async throws {
        try await onThread { () throws in
            let fiber = Fiber<Int> { $0 + 1 }
            let copy = fiber
            #expect(try send(1, to: copy) == 2)
            #expect(fiber == copy && fiber.isDead)
        }
    }

    @Test("V32: a value goes with its greenlet, on that one's thread, though somebody keeps the handle")
    func ends() async throws {
        try await onLoop { (loop) async throws in
            let ends = Log<UInt>()
            let local = Held(ends)
            let greenlet = Greenlet.spawn(on: loop) { () throws -> UInt in
                #expect(local.exchange(1) == 0)
                return threadIdentity
            }
            let thread = try await greenlet.value
            #expect(await eventually { ends.entries == [thread] })
            let hasBegun = Promise<Void>()
            let killed = Greenlet.spawn(on: loop) { () throws in
                #expect(local.exchange(2) == 0)
                hasBegun.succeed(())
                _ = try forever.future.wait()
            }
            try await hasBegun.future.value
            killed.kill()
            _ = try? await killed.value
            let portal = try await Greenlet.run(on: loop) { local.exchange(3) }
            #expect(portal == 0)
            #expect(await eventually { ends.entries == [thread, thread, thread] })
            withExtendedLifetime([greenlet.isDead, killed.isDead]) {}
        }
    }

    @Test("G8, V32: a value goes with its fiber, however that ends, and with its thread")
    func endsOfFibers() async throws {
        let ends = Log<UInt>()
        let local = Held(ends)
        let thread = try await onThread { () throws in
            local.exchange(1)
            let fibers = (0..<3).map { index in
                Fiber<Int> { first in
                    local.exchange(2)
                    return index == 0 ? first : try Fiber.main.switch(first)
                }
            }
            for fiber in fibers { try send(1, to: fiber) }
            #expect(ends.entries.count == 1)
            #expect(try throwExit(into: fibers[1]) == nil)
            #expect(ends.entries.count == 2)
            // The thread's value is still its own now that it has fibers; the last fiber unwinds as it exits.
            #expect(local.exchange(1) == 1)
            withExtendedLifetime(fibers) {}
            return threadIdentity
        }
        #expect(await eventually { ends.entries.count == 4 })
        // With the thread-backed engine words are shared, and gone when the thread's own end.
        #expect(ends.entries.prefix(2).allSatisfy { $0 == thread })
        // A thread without fibers.
        _ = try await onThread { local.exchange(1) }
        #expect(await eventually { ends.entries.count == 5 })
    }

    @Test("V32: when a local goes first, parked greenlets and their fibers release its values, on their thread")
    func localsThatGoFirst() async throws {
        try await onLoop { (loop) async throws in
            let ends = Log<UInt>()
            let local = Held(ends)
            let gate = Promise<Void>()
            let greenlets = (0..<3).map { _ in
                Greenlet.spawn(on: loop) { () throws -> UInt in
                    local.exchange(1)
                    let fiber = Fiber<Int> { first in
                        local.exchange(2)
                        return try Fiber.main.switch(first)
                    }
                    try send(0, to: fiber)
                    try gate.future.wait()
                    withExtendedLifetime(fiber) {}
                    return threadIdentity
                }
            }
            // The local goes while they are parked, and nobody else holds it.
            try await Greenlet.spawn(on: loop) { try Greenlet.yield() }.value
            local.drop()
            #expect(await eventually { ends.entries.count == 6 })
            #expect(greenlets.allSatisfy { !$0.isDead })
            gate.succeed(())
            for greenlet in greenlets {
                let thread = try await greenlet.value
                #expect(ends.entries.allSatisfy { $0 == thread })
            }
            #expect(ends.entries.count == 6)
        }
    }

    @Test(
        "V32: when a local goes first, a thread releases its values at once if it is that thread's doing, else at its next use"
    )
    func localsThatGoFirstOnThreads() async throws {
        try await onThread { () throws in
            let ends = Log<UInt>()
            func hold(_ local: Held) throws -> Fiber<Int> {
                local.exchange(1)
                let fiber = Fiber<Int> { first in
                    local.exchange(2)
                    return try Fiber.main.switch(first)
                }
                try send(0, to: fiber)
                return fiber
            }
            let here = Held(ends)
            // This one's value is there before the thread has a fiber.
            here.exchange(1)
            let first = try hold(here)
            here.drop()
            #expect(ends.entries == [threadIdentity, threadIdentity])

            let elsewhere = Held(ends)
            let second = try hold(elsewhere)
            try Future.offThread { elsewhere.drop() }.wait()
            #expect(ends.entries.count == 2)
            _ = GreenletLocal { 0 }.value
            #expect(ends.entries == Array(repeating: threadIdentity, count: 4))
            withExtendedLifetime((first, second)) {}
        }
    }

    @Test("V32: a task outside of every greenlet has the initial value, what it sets is reported, and no thread has it")
    func tasks() async throws {
        let reports = ReportCollector(containing: "GreenletLocal made at GreenletsTests/LocalTests.swift:\(#line + 1)")
        let local = GreenletLocal { 1 }
        local.value = 2
        #expect(local.value == 1)
        #expect(await reports.settledReports().count == 1)
        try await onLoop { (loop) async throws in
            // The loop's own code has a value; a task on the very same thread does not see it.
            try await onItsThread(loop) { local.value = 3 }
            let seen = await Task(executorPreference: loop) { () -> (Bool, Int) in
                local.value = 4
                return (loop.isCurrent, local.value)
            }.value
            #expect(seen == (true, 1))
            #expect(try await onItsThread(loop) { local.value } == 3)
            let text = await reports.settledReports().last.map { "\($0)" } ?? ""
            #expect(text.contains("in a task outside of every greenlet") && text.contains("@TaskLocal"))
            #expect(await reports.settledReports().count == 2)
        }
    }

    @Test(
        "V32: a task's job that runs on top of a greenlet, or of a fiber, is outside of it",
        .enabled(if: knowsTasks, "without the runtime's word nobody knows in which task a fiber was resumed")
    )
    func jobsOnTop() async throws {
        try await onLoop { (loop) async throws in
            let local = GreenletLocal { 0 }
            let seen = try await Greenlet.spawn(on: loop) { () throws -> [Int] in
                local.value = 1
                let log = Log<Int>()
                Task.immediate { log.add(local.value) }
                let fiber = Fiber<Int> { _ in
                    local.value = 2
                    Task.immediate { log.add(local.value) }
                    return local.value
                }
                log.add(try fiber.switch(0))
                log.add(local.value)
                return log.entries
            }.value
            #expect(seen == [0, 0, 2, 1])
        }
    }

    @Test("V32: as a greenlet ends its values may still use it and wait; what they ask other values for is not kept")
    func lastWishes() async throws {
        let reports = ReportCollector(containing: "GreenletLocal made at GreenletsTests/LocalTests.swift:\(#line + 1)")
        let other = GreenletLocal { 5 }
        final class Last {
            let other: GreenletLocal<Int>
            let log: Log<Int>
            init(_ other: GreenletLocal<Int>, _ log: Log<Int>) { (self.other, self.log) = (other, log) }
            deinit {
                log.add(other.value)
                other.value = 7
                log.add(other.value)
                log.add((try? Greenlet.yield()) == nil ? 0 : 1)
            }
        }
        let log = Log<Int>()
        try await onVirtualLoop { (loop) throws in
            let local = GreenletLocal { Last(other, log) }
            Greenlet.spawn(on: loop) { _ = local.value }
            Greenlet.spawn(on: loop) { log.add(100) }
            try loop.runUntilIdle()
        }
        #expect(log.entries == [5, 5, 100, 1])
        #expect(await reports.settledReports().count == 1)
    }

    @Test("V32: many greenlets and locals that come and go, on several threads, leave nothing behind")
    func stressed() async throws {
        let ends = Log<UInt>()
        let made = Counter()
        let loops = try (0..<2).map { try IOLoop.onOwnThread(name: "locals \($0)") }
        let rounds = stress(50)
        for _ in 0..<rounds {
            let local = Held(ends) { made.add() }
            let greenlets = (0..<8).map { number in
                Greenlet.spawn(on: loops[number % 2]) { () throws in
                    // The local may have gone by now, and goes at any moment.
                    let first = local.exchange(number)
                    #expect(first == nil || first == 0)
                    try Greenlet.yield()
                    let second = local.exchange(number)
                    #expect(second == nil || second == (first == nil ? 0 : number))
                }
            }
            local.drop()
            for greenlet in greenlets { try await greenlet.value }
        }
        #expect(await eventually { ends.entries.count == made.value })
        for loop in loops {
            loop.stop()
            _ = try? await loop.stopped.value
        }
    }
}
