// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

@Suite("Fibers: switching and messages")
struct FiberSwitchingTests {
    @Test("G10, G13: messages are the body's argument and the results of switches, and what it returns is its parent's")
    func messages() async throws {
        try await onThread { () throws in
            let order = OrderRecorder()
            let doubler = Fiber<Int>(name: "doubler") { first in
                order.record("runs")
                var next = first
                while next < 100 { next = try Fiber.current.parent!.switch(next * 2) }
                return next
            }
            #expect(doubler.isPending && !doubler.isActive && !doubler.isDead)
            #expect(order.count == 0)
            #expect(try send(1, to: doubler) == 2)
            #expect(doubler.isActive && !doubler.isPending)
            #expect(try send(5, to: doubler) == 10)
            #expect(try send(200, to: doubler) == 200)
            #expect(doubler.isDead && !doubler.isActive)
        }
    }

    @Test("G12: siblings switch straight to each other, and control goes to the parent of the one that ends")
    func siblings() async throws {
        try await onThread {
            let order = OrderRecorder()
            var second: Fiber<String>!
            let first = Fiber<String>(name: "first") { message in
                order.record("first: \(message)")
                let answer = try second.switch("from first")
                order.record("first again: \(answer)")
                return "end of first"
            }
            second = Fiber<String>(name: "second") { message in
                order.record("second: \(message)")
                _ = try first.switch("from second")
                return "never"
            }
            let result = try send("from main", to: first)
            #expect(result == "end of first")
            #expect(order.entries == ["first: from main", "second: from first", "first again: from second"])
            #expect(first.isDead && second.isActive)
            second = nil
        }
    }

    @Test("G14: a switch to oneself returns its message at once")
    func selfSwitch() async throws {
        try await onThread { () throws in
            let fiber = Fiber<Int> { try Fiber.current.switch($0 + 1) }
            #expect(try send(1, to: fiber) == 2)
        }
    }

    @Test(
        "G15: what is sent to a dead fiber goes to its nearest ancestor that lives, and back at once if that is the caller"
    )
    func dead() async throws {
        try await onThread { () throws in
            let order = OrderRecorder()
            let fiber = Fiber<Int>(name: "short") { $0 }
            try send(1, to: fiber)
            #expect(try send(2, to: fiber) == 2)

            let ancestor = Fiber<Int>(name: "ancestor") { first in
                order.record("ancestor gets \(first)")
                let second = try Fiber<Int>.main.switch(10)
                order.record("ancestor gets \(second)")
                return 20
            }
            let between = Fiber<Int> { $0 }
            try send(0, to: between)
            let child = Fiber<Int>(parent: between) { try Fiber<Int>.main.switch($0) }
            #expect(try send(0, to: child) == 0)
            #expect(try send(1, to: ancestor) == 10)
            try between.setParent(ancestor)
            #expect(child.parent == between && between.parent == ancestor)
            #expect(order.entries == ["ancestor gets 1"])
            // `between` is dead, so the dying child's result passes it.
            #expect(try send(2, to: child) == 20)
            #expect(child.isDead && ancestor.isDead)
            #expect(order.entries == ["ancestor gets 1", "ancestor gets 2"])
        }
    }

    @Test("G15: a dead fiber keeps its parent, and one that gets another passes on to that")
    func deadWithAnotherParent() async throws {
        try await onThread { () throws in
            let fiber = Fiber<Int>(name: "short") { $0 }
            #expect(fiber.parent == Fiber.main)
            try send(1, to: fiber)
            #expect(fiber.isDead && fiber.parent == Fiber.main)
            let heir = Fiber<Int>(name: "heir") { $0 * 100 }
            try fiber.setParent(heir)
            #expect(fiber.parent == heir)
            #expect(try send(7, to: fiber) == 700)
            #expect(heir.isDead)
        }
    }

    @Test("G15: a message whose type the heir of a dead fiber does not wait for is refused, and changes nothing")
    func deadWithAnotherType() async throws {
        try await onThread { () throws in
            let heir = Fiber<String>(name: "heir") { $0 + "!" }
            let fiber = Fiber<Int>(name: "short") { $0 }
            try send(1, to: fiber)
            try fiber.setParent(heir)
            let error = #expect(throws: FiberError.self) { try send(7, to: fiber) }
            #expect(error?.reason == .messageType)
            #expect(heir.isPending)
            #expect(try send("still here", to: heir) == "still here!")
        }
    }

    @Test("A long row of parents, pending or dead, is released without a deep stack", arguments: [false, true])
    func rowOfParents(dead: Bool) async throws {
        try await onThread { () throws in
            var last = Fiber<Int> { $0 }
            for _ in 0..<stress(100_000) { last = Fiber<Int>(parent: last) { $0 } }
            if dead { #expect(throws: Oops.self) { try last.throw(Oops()) } }
            last = Fiber<Int>.main
        }
    }

    @Test("G18: locals of every nested frame are intact after a switch", arguments: [5, 200])
    func nested(depth: Int) async throws {
        try await onThread {
            @Sendable func descend(_ level: Int) throws -> Int {
                let local = level * 3
                let below = level == 0 ? try Fiber<Int>.current.parent!.switch(0) : try descend(level - 1)
                return below + local
            }
            let fiber = Fiber<Int> { _ in try descend(depth) }
            try send(0, to: fiber)
            #expect(try send(10, to: fiber) == 10 + 3 * depth * (depth + 1) / 2)
        }
    }

    @Test("G11: a message of another type is refused, and nothing is lost")
    func types() async throws {
        try await onThread { () throws in
            let numbers = Fiber<Int>(name: "numbers") { (_: Int) throws in
                let words = Fiber<String>(name: "words") { _ in
                    _ = try Fiber<Int>.current.switch(1)
                    return "a word for one who waits for a number"
                }
                let error = #expect(throws: FiberError.self) { try Fiber<String>.current.parent!.switch("word") }
                #expect(error?.reason == .messageType)
                #expect(try send("go", to: words) == "a word for one who waits for a number")
                return 5
            }
            #expect(try send(0, to: numbers) == 5)
        }
    }

    @Test("G11: the end of a fiber whose parent waits for another type is an error there")
    func typesAtTheEnd() async throws {
        try await onThread {
            let error = #expect(throws: FiberError.self) {
                let outer = Fiber<Int>.current
                let middle = Fiber<Int> { first in
                    // Its parent, the main fiber, waits for a number.
                    let inner = Fiber<String> { $0 }
                    try inner.setParent(Fiber<String>.current.parent!)
                    _ = try inner.switch("word")
                    return first
                }
                _ = outer
                try send(1, to: middle)
            }
            #expect(error?.reason == .messageType)
        }
    }

    @Test("G11: messages may be nothing, a tuple, or anything at all")
    func shapes() async throws {
        try await onThread { () throws in
            let order = OrderRecorder()
            let silent = Fiber<Void> {
                order.record("first")
                try Fiber.current.parent!.switch()
                order.record("second")
            }
            try silent.switch()
            try silent.switch()
            #expect(silent.isDead && order.entries == ["first", "second"])

            let pairs = Fiber<(Int, String)> { ($0.0 + 1, $0.1 + "!") }
            let pair = try send((1, "one"), to: pairs)
            #expect(pair == (2, "one!"))

            let anything = Fiber<Any> { first in
                let second = try Fiber<Any>.current.parent!.switch("got \(first)")
                return [first, second].count
            }
            #expect(try send(1, to: anything) as? String == "got 1")
            #expect(try send("two", to: anything) as? Int == 2)
        }
    }

    @Test("G20: code that switches while a switch is under way loses and swaps no message of that")
    func switchesDuringSwitch() async throws {
        try await onThread { () throws in
            let order = OrderRecorder()
            let answered = Fiber<Int>(name: "answered") { first in
                order.record("answered gets \(first)")
                let second = try Fiber<Int>.main.switch(first + 1)
                order.record("answered gets \(second)")
                return second + 1
            }
            #expect(try send(1, to: answered) == 2)
            let last = try lastOf { first in
                do { return try answered.switch(first * 10) } catch {
                    // On the way between this one's message and the one it was sent to.
                    let number = try Fiber<Int> { $0 + 5 }.switch(1)
                    order.record("echo \(number)")
                    throw error
                }
            }
            #expect(try send(4, to: last) == 41)
            #expect(order.entries == ["answered gets 1", "echo 6", "answered gets 40"])
        }
    }

    @Test("G20: a body whose first switch lets others run is entered once, with the first message")
    func enteredOnce() async throws {
        try await onThread { () throws in
            let order = OrderRecorder()
            let started = Fiber<Int>(name: "started") { first in
                order.record("entered with \(first)")
                return first
            }
            let last = try lastOf { first in
                // Left for a fiber that begins: it unwinds this one on its own new stack.
                do { return try started.switch(first) } catch is GreenletExit {
                    do { try started.switch(77) } catch { order.record("\(type(of: error))") }
                    throw GreenletExit()
                }
            }
            #expect(try send(4, to: last) == 4)
            #expect(order.entries == ["GreenletExit", "entered with 4"])
        }
    }
}

/// A fiber whose first message starts the body in its parent, to which nobody has a reference any more: it unwinds as soon
/// as it switches away.
func lastOf(_ body: @escaping (Int) throws -> Int) throws -> Fiber<Int> {
    let parent = Fiber<Int>(name: "dropped") { _ in try body(try Fiber<Int>.main.switch(0)) }
    try send(0, to: parent)
    return Fiber<Int>(name: "last", parent: parent) { $0 }
}
