// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

@Suite("Fibers: switching and messages")
struct FiberTests {
    @Test("G1, G10: a fiber is pending until the first switch, whose message is the body's argument")
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

    @Test("G2: code outside of all fibers is the main fiber of its thread, which has no parent and is never dead")
    func main() async throws {
        try await onThread {
            let main = Fiber<Int>.current
            #expect(main.isActive && main.parent == nil)
            #expect(Fiber<Int>.current == main)
            #expect(try send(7, to: main) == 7)
            #expect(throws: FiberError.self) { try main.setParent(Fiber { $0 }) }
            let child = Fiber<Int> { number in
                #expect(Fiber<Int>.current != main)
                #expect(Fiber<Int>.current.parent == main)
                return number
            }
            #expect(child.parent == main)
            try send(1, to: child)
            #expect(Fiber<Int>.current == main)
        }
    }

    @Test("G3: each thread has a main fiber of its own, and ten play ping-pong at once")
    func threads() async throws {
        try await withThrowingTaskGroup(of: Int.self) { group in
            for thread in 0..<10 {
                group.addTask {
                    try await onThread {
                        let pong = Fiber<Int> { first in
                            var ball = first
                            while true { ball = try Fiber.current.parent!.switch(ball + 1) }
                        }
                        var ball = thread
                        for _ in 0..<1000 { ball = try pong.switch(ball) }
                        return ball - thread
                    }
                }
            }
            for try await hits in group { #expect(hits == 1000) }
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

    @Test("G15: a switch to a dead fiber is an error that names it")
    func dead() async throws {
        try await onThread {
            let fiber = Fiber<Int>(name: "short") { $0 }
            try send(1, to: fiber)
            let error = #expect(throws: FiberError.self) { try send(2, to: fiber) }
            #expect(error?.reason == .dead)
            #expect("\(error!)".contains("short"))
            #expect(throws: FiberError.self) { try fiber.throw(Oops()) }
            #expect(try throwExit(into: fiber) == nil)
        }
    }

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
}

func throwExit<Message>(into fiber: Fiber<Message>) throws -> Message? { try fiber.throw() }

@Suite("Fibers: errors and parents")
struct FiberErrorTests {
    @Test("G21: an error thrown into a fiber is thrown at its switch, which may catch it and answer")
    func throwing() async throws {
        try await onThread {
            let fiber = Fiber<Int> { _ in
                do { _ = try Fiber<Int>.current.parent!.switch(1) } catch let error as Oops { return error.number }
                return 0
            }
            try send(0, to: fiber)
            let answer = try fiber.throw(Oops(number: 42))
            #expect(answer == 42)
            #expect(fiber.isDead)
        }
    }

    @Test("G22: GreenletExit that nobody catches ends the fiber and is no error for who threw it")
    func exit() async throws {
        try await onThread {
            let ended = Counter()
            let fiber = Fiber<Int> { _ in
                let sentinel = Sentinel(ended)
                defer { sentinel.use() }
                return try Fiber.current.parent!.switch(1)
            }
            try send(0, to: fiber)
            #expect(try throwExit(into: fiber) == nil)
            #expect(fiber.isDead && ended.value == 1)
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
            let outer = Fiber<Int>(name: "outer") { first in
                let inner = Fiber<Int>(name: "inner") { throw Oops(number: $0) }
                return try inner.switch(first)
            }
            #expect(throws: Oops(number: 3)) { try send(3, to: outer) }
            #expect(outer.isDead)
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

    @Test("G33: switching to a fiber of another thread is an error that names both, and changes nothing")
    func foreignThread() async throws {
        try await onThread {
            let fiber = Fiber<Int>(name: "mine") { try Fiber.current.parent!.switch($0) }
            try send(1, to: fiber)
            // SAFETY: the other thread only finds out that it must not use it, while this one waits.
            let shared = Unchecked((fiber, Fiber<Int>(name: "fresh") { $0 }))
            let errors = try Future.offThread { () -> [FiberError.Reason] in
                var reasons: [FiberError.Reason] = []
                for fiber in [shared.value.0, shared.value.1] {
                    do { try fiber.switch(2) } catch let error as FiberError {
                        reasons.append(error.reason)
                        #expect(error.description.contains("thread 0x"))
                    }
                    do { try fiber.throw(Oops()) } catch let error as FiberError { reasons.append(error.reason) }
                }
                return reasons
            }.wait()
            #expect(errors == [.foreignThread, .foreignThread, .foreignThread, .foreignThread])
            #expect(try send(3, to: fiber) == 3)
        }
    }

    @Test("G34: a fiber whose thread has exited was unwound there, and says so")
    func exitedThread() async throws {
        let ended = Counter()
        let left = try await onThread {
            let fiber = Fiber<Int>(name: "left behind") { _ in
                let sentinel = Sentinel(ended)
                defer { sentinel.use() }
                return try Fiber.current.parent!.switch(1)
            }
            try send(0, to: fiber)
            return Unchecked(fiber)
        }
        #expect(await eventually { ended.value == 1 })
        try await onThread {
            // The fiber unwinds before its thread is over; until then it is one of another thread.
            var reason: FiberError.Reason?
            _ = blockUntil {
                // SAFETY: as above.
                do { try send(2, to: left.value) } catch let error as FiberError { reason = error.reason } catch {}
                return reason != .foreignThread
            }
            #expect(reason == .hostEnded)
            #expect(left.value.isDead)
        }
    }

    @Test("T14: running a loop in a fiber throws, and leaves the loop usable")
    func loopInAFiber() async throws {
        try await onThread {
            let virtual = VirtualLoop()
            let loop = try IOLoop()
            let fiber = Fiber<[CannotRunLoop.Reason]>(name: "no place for loops") { _ in
                var reasons: [CannotRunLoop.Reason] = []
                let greenlet = Greenlet.spawn(on: loop) {}
                do { try loop.run(until: greenlet) } catch { reasons.append((error as! CannotRunLoop).reason) }
                do { try virtual.runUntilIdle() } catch { reasons.append((error as! CannotRunLoop).reason) }
                return reasons
            }
            #expect(try send([], to: fiber) == [.insideFiber, .insideFiber])
            #expect(try loop.run(until: Greenlet.spawn(on: loop) { 1 }) == 1)
            try virtual.runUntilIdle()
            loop.stop()
        }
    }

    @Test("G7: the description says pending, running, suspended or dead, and where the fiber belongs")
    func descriptions() async throws {
        try await onThread {
            let fiber = Fiber<String>(name: "worker") { _ in
                let seen = "\(Fiber<String>.current)"
                return try Fiber.current.parent!.switch(seen)
            }
            #expect("\(fiber)".hasPrefix("fiber worker (pending) of thread 0x"))
            #expect(try send("", to: fiber).hasPrefix("fiber worker (running)"))
            #expect("\(fiber)".hasPrefix("fiber worker (suspended)"))
            try send("", to: fiber)
            #expect("\(fiber)".hasPrefix("fiber worker (dead)"))
        }
    }
}

extension Future {
    /// What a body returns on a thread of its own.
    static func offThread(_ body: @escaping @Sendable () throws -> Success) -> Future<Success> {
        Future { try await onThread("other", body) }
    }
}
