// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

@Suite("Fibers: parents")
struct FiberParentTests {
    @Test("G16: a child that ends while its parent is pending starts the parent with its result")
    func pendingParent() async throws {
        try await onThread { () throws in
            let parent = Fiber<Int>(name: "parent") { $0 * 10 }
            let child = Fiber<Int>(name: "child", parent: parent) { $0 + 1 }
            #expect(child.parent == parent)
            #expect(try send(1, to: child) == 20)
            #expect(parent.isDead && child.isDead)
        }
    }

    @Test("G30: a fiber cannot become its own ancestor; the parent may change as long as it does not")
    func parents() async throws {
        try await onThread {
            let first = Fiber<Int>(name: "first") { $0 }
            let second = Fiber<Int>(name: "second", parent: first) { $0 }
            let error = #expect(throws: FiberError.self) { try first.setParent(second) }
            #expect(error?.reason == .cyclicParents)
            #expect(throws: FiberError.self) { try first.setParent(first) }
            try second.setParent(Fiber.current)
            try first.setParent(second)
            #expect(first.parent == second && second.parent == Fiber.current)
        }
    }

    @Test(
        "G1: a fiber has run nothing before its first switch; its parent is the one it was made in, or the one it was given"
    )
    func creation() async throws {
        try await onThread {
            let ran = Counter()
            func make(_ parent: Fiber<Int>? = nil) -> Fiber<Int> {
                Fiber<Int>(parent: parent) {
                    ran.add(); return $0
                }
            }
            let creator = Fiber<Int>(name: "creator") { first in
                #expect(make().parent == Fiber<Int>.current)
                #expect(make(nil).parent == Fiber<Int>.current)
                #expect(make(Fiber.main).parent == Fiber<Int>.main)
                return first
            }
            #expect(creator.isPending && !creator.isActive && !creator.isDead && creator.parent == Fiber.main)
            try send(0, to: creator)
            let fiber = make(creator)
            #expect(fiber.isPending && fiber.parent == creator)
            #expect(ran.value == 0)
        }
    }

    @Test(
        "G16: the parent's failure to start is told to its own parent, and a second switch fails alike and runs nothing again"
    )
    func parentCannotStart() async throws {
        try await onThread {
            let runs = Counter()
            let parent = Fiber<String>(name: "parent") { $0 }
            let child = Fiber<Int>(name: "child") { first in
                runs.add()
                return first
            }
            try child.setParent(parent)
            let first = #expect(throws: FiberError.self) { try send(1, to: child) }
            #expect(first?.reason == .messageType && child.isDead && parent.isPending)
            let second = #expect(throws: FiberError.self) { try send(1, to: child) }
            #expect(second?.reason == .messageType && runs.value == 1 && parent.isPending)
        }
    }

    @Test(
        "G16: a parent without memory for its stack is told of in its own parent, and stays pending",
        .enabled(if: hasStacks, needsStacks)
    )
    func parentWithoutMemory() async throws {
        try await onThread {
            let parent = Fiber<Int>(name: "parent", stackSize: 1 << 60) { $0 }
            let child = Fiber<Int>(name: "child", parent: parent) { $0 }
            for _ in 0..<2 {
                let error = #expect(throws: FiberError.self) { try send(1, to: child) }
                #expect(error?.reason == .noMemory && child.isDead && parent.isPending)
            }
        }
    }

    @Test("G32: a child keeps its parent alive, and a new parent counts from the next time control goes there")
    func reparenting() async throws {
        try await onThread { () throws in
            let ended = Counter()
            var parent: Fiber<Int>? = Fiber<Int>(name: "parent") { [sentinel = Sentinel(ended)] first in
                sentinel.use()
                return first + 100
            }
            let child = Fiber<Int>(name: "child", parent: parent) { try Fiber<Int>.main.switch($0) }
            try send(0, to: child)
            parent = nil
            #expect(ended.value == 0)
            let other = Fiber<Int>(name: "other") { $0 + 200 }
            try child.setParent(other)
            #expect(ended.value == 1)
            #expect(try send(1, to: child) == 201)
            #expect(other.isDead && child.parent == other)
        }
    }

    @Test("G2: a main fiber can have no parent")
    func parentOfMain() async throws {
        try await onThread {
            let error = #expect(throws: FiberError.self) { try Fiber<Int>.main.setParent(Fiber<Int> { $0 }) }
            #expect(error?.reason == .main)
            #expect(Fiber<Int>.main.parent == nil)
        }
    }
}
