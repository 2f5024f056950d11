// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

@Suite("Fibers: throwing")
struct FiberThrowingTests {
    @Test("G19: an error that one fiber is handling does not show in another")
    func errors() async throws {
        try await onThread {
            let order = OrderRecorder()
            let fiber = Fiber<Int> { first in
                do { throw Oops(number: first) } catch {
                    _ = try Fiber<Int>.current.parent!.switch(0)
                    order.record("\(error)")
                }
                return 1
            }
            try send(1, to: fiber)
            do { throw Oops(number: 2) } catch {
                try send(0, to: fiber)
                order.record("\(error)")
            }
            #expect(order.entries == ["Oops(number: 1)", "Oops(number: 2)"])
        }
    }

    @Test("G21: the very error that is thrown into a fiber is thrown at its switch, which may catch it and answer")
    func throwing() async throws {
        try await onThread {
            final class Identity: Error {}
            let thrown = Identity()
            let fiber = Fiber<Int> { _ in
                do { _ = try Fiber<Int>.current.parent!.switch(1) } catch let error as Identity {
                    #expect(error === thrown)
                    return try Fiber<Int>.current.parent!.switch(42)
                }
                return 0
            }
            try send(0, to: fiber)
            let answer = try fiber.throw(thrown)
            #expect(answer == 42)
            #expect(fiber.isActive)
        }
    }

    @Test("G22: GreenletExit that nobody catches ends the fiber, and is an answer that does not come, not an error")
    func exit() async throws {
        try await onThread {
            let ended = Counter()
            func suspended() throws -> Fiber<Int> {
                let fiber = Fiber<Int>(name: "killed") { _ in
                    let sentinel = Sentinel(ended)
                    defer { sentinel.use() }
                    return try Fiber.current.parent!.switch(1)
                }
                try send(0, to: fiber)
                return fiber
            }
            let fiber = try suspended()
            #expect(try throwExit(into: fiber) == nil)
            #expect(fiber.isDead && ended.value == 1)
        }
    }

    @Test("G22: who waits for a fiber that a third one kills is told so by its own error, never by GreenletExit")
    func exitElsewhere() async throws {
        try await onThread {
            func waiter(_ wait: @escaping (Fiber<Int>) throws -> Int) throws -> Fiber<Int> {
                let waiter = Fiber<Int>(name: "waiter") { _ in
                    let child = Fiber<Int>(name: "child") { _ in
                        // Control goes to the main fiber; the child's parent stays in its switch.
                        try Fiber<Int>.main.switch(1)
                    }
                    kept.value = child
                    return try wait(child)
                }
                try send(0, to: waiter)
                return waiter
            }
            let kept = Kept()
            let careful = try waiter { child in try child.switchOrExit(0) ?? -1 }
            #expect(try throwExit(into: kept.value!) == -1)
            #expect(careful.isDead)

            let plain = try waiter { child in try send(0, to: child) }
            let error = #expect(throws: FiberError.self) { try throwExit(into: kept.value!) }
            #expect(error?.reason == .exited)
            #expect(error!.description.contains("fiber child"))
            #expect(plain.isDead)
        }
    }

    @Test("G22, V13: a killed fiber does not end as killed the greenlet that waited for it")
    func exitInGreenlet() async throws {
        try await onLoop { (loop) async throws in
            let greenlet = Greenlet.spawn(on: loop) {
                let victim = Fiber<Int>(name: "victim") { _ in throw GreenletExit() }
                try send(0, to: victim)
            }
            let error = await #expect(throws: FiberError.self) { try await greenlet.value }
            #expect(error?.reason == .exited)
        }
    }

    @Test(
        "G23: GreenletExit thrown into a dead fiber is an answer that does not come; other errors go to its living ancestor"
    )
    func dead() async throws {
        try await onThread {
            let fiber = Fiber<Int>(name: "short") { $0 }
            try send(1, to: fiber)
            #expect(try throwExit(into: fiber) == nil)
            #expect(throws: Oops(number: 1)) { try fiber.throw(Oops(number: 1)) }

            let heir = Fiber<Int>(name: "heir") { first in
                do { return try Fiber<Int>.main.switch(first) } catch let error as Oops { return error.number * 2 }
            }
            try send(1, to: heir)
            try fiber.setParent(heir)
            let answer = try fiber.throw(Oops(number: 21))
            #expect(answer == 42)
            #expect(heir.isDead)

            let silent = Fiber<Int>(name: "silent") { first in try Fiber<Int>.main.switchOrExit(first) ?? 5 }
            try send(1, to: silent)
            try fiber.setParent(silent)
            #expect(try throwExit(into: fiber) == 5)
        }
    }

    @Test("G25: the handler of a suspended parent takes the error of its child, and its result goes up to who threw")
    func parentsHandler() async throws {
        try await onThread {
            let kept = Kept()
            let parent = Fiber<Int>(name: "parent") { _ in
                let child = Fiber<Int>(name: "child") { try Fiber<Int>.main.switch($0) }
                kept.value = child
                do { return try child.switch(1) } catch let error as Oops { return error.number + 1 }
            }
            try send(0, to: parent)
            let answer = try kept.value!.throw(Oops(number: 41))
            #expect(answer == 42)
            #expect(parent.isDead && kept.value!.isDead)
        }
    }

    @Test("G27: a fiber that only throws gives its error to the parent it was made with")
    func thrower() async throws {
        try await onThread {
            let catcher = Fiber<Int>(name: "catcher") { first in
                do { return try Fiber<Int>.main.switch(first) } catch let error as Oops { return error.number }
            }
            try send(0, to: catcher)
            let thrower = Fiber<Int>(parent: catcher) { throw Oops(number: $0) }
            #expect(try send(9, to: thrower) == 9)
            #expect(catcher.isDead && thrower.isDead)
        }
    }

    @Test("G28: an error tells whether it is an exit, and a handler of everything can let exits pass")
    func exits() async throws {
        #expect(GreenletExit().isGreenletExit && !Oops().isGreenletExit && !CancellationError().isGreenletExit)
        try Oops().rethrowIfExit()
        #expect(throws: GreenletExit.self) { try GreenletExit().rethrowIfExit() }
        try await onThread {
            let fiber = Fiber<Int> { _ in
                while true {
                    do { _ = try Fiber<Int>.main.switch(1) } catch { try error.rethrowIfExit() }
                }
            }
            try send(0, to: fiber)
            #expect(try fiber.throw(Oops()) == 1)
            #expect(try throwExit(into: fiber) == nil)
            #expect(fiber.isDead)
        }
    }

    @Test("G24: an error thrown into a pending fiber ends it and its pending parents, and goes on up")
    func pending() async throws {
        try await onThread { () throws in
            let ran = Counter()
            let parent = Fiber<Int> {
                ran.add(); return $0
            }
            let child = Fiber<Int>(parent: parent) {
                ran.add(); return $0
            }
            #expect(throws: Oops(number: 1)) { try child.throw(Oops(number: 1)) }
            #expect(child.isDead && parent.isDead && ran.value == 0)
            let other = Fiber<Int> { $0 }
            #expect(try throwExit(into: other) == nil)
            #expect(other.isDead)
        }
    }

    @Test("G26: what a body throws is thrown in its parent, and on up as each ancestor dies")
    func propagation() async throws {
        try await onThread {
            let order = OrderRecorder()
            func nest(_ depth: Int) -> Fiber<Int> {
                Fiber<Int>(name: "level \(depth)") { number in
                    if depth == 3 { throw Oops(number: number) }
                    let inner = nest(depth + 1)
                    defer { order.record("level \(depth) ends, the one below is \(inner.isDead ? "dead" : "alive")") }
                    return try inner.switch(number)
                }
            }
            let outer = nest(0)
            #expect(throws: Oops(number: 3)) { try send(3, to: outer) }
            #expect(outer.isDead)
            #expect(
                order.entries == [2, 1, 0].map { "level \($0) ends, the one below is dead" }
            )
        }
    }
}

func throwExit<Message>(into fiber: Fiber<Message>) throws -> Message? { try fiber.throw() }

/// A fiber that outlives the body it was made in.
final class Kept {
    var value: Fiber<Int>?
}
