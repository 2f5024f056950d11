// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

@Suite("Fibers: threads and greenlets they belong to")
struct FiberThreadTests {
    @Test("G2: code outside of all fibers is the main fiber of its thread, which has no parent and is never dead")
    func main() async throws {
        try await onThread {
            let main = Fiber<Int>.current
            #expect(main.isActive && main.parent == nil)
            #expect(Fiber<Int>.current == main)
            #expect(try send(7, to: main) == 7)
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

    @Test("G31: a parent of another thread or greenlet is refused, whichever of the two is asked there, begun or not")
    func foreignParent() async throws {
        try await onThread {
            let begun = Fiber<Int>(name: "begun") { try Fiber.current.parent!.switch($0) }
            try send(1, to: begun)
            let pending = Fiber<Int>(name: "pending") { $0 }
            // SAFETY: the other thread is refused, while this one waits.
            let shared = Unchecked([begun, pending])
            let reasons = try Future.offThread { () -> [FiberError.Reason] in
                let own = Fiber<Int>(name: "own") { $0 }
                var reasons: [FiberError.Reason] = []
                for fiber in shared.value {
                    do { try fiber.setParent(own) } catch let error as FiberError { reasons.append(error.reason) }
                    do { try own.setParent(fiber) } catch let error as FiberError { reasons.append(error.reason) }
                    do { try fiber.setParent(fiber) } catch let error as FiberError { reasons.append(error.reason) }
                }
                #expect(own.parent == Fiber.main)
                return reasons
            }.wait()
            #expect(reasons == Array(repeating: .foreignThread, count: 6))
            #expect(begun.parent == Fiber.main && pending.parent == Fiber.main)
        }
    }

    @Test("G33: a fiber belongs to the thread of the parent it is made with, begun or not")
    func lineage() async throws {
        try await onThread {
            // SAFETY: made there, used here.
            let parent = Unchecked(Fiber<Int>(name: "parent") { $0 * 10 })
            let child = try Future.offThread { () -> Unchecked<Fiber<Int>> in
                let child = Fiber<Int>(name: "child", parent: parent.value) { $0 + 1 }
                var reason: FiberError.Reason?
                do { try child.switch(1) } catch let error as FiberError { reason = error.reason }
                #expect(reason == .foreignThread)
                return Unchecked(child)
            }.wait()
            #expect(try send(1, to: child.value) == 20)
        }
    }

    @Test("G33: what a fiber's thread may change is not told on another one: the process stops and says why")
    func parentElsewhere() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            try await onThread {
                // SAFETY: found out.
                let fiber = Unchecked(Fiber<Int>(name: "mine") { $0 })
                try Future.offThread { _ = fiber.value.parent }.wait()
            }
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("fiber mine (pending) of thread") && text.contains("is not on this thread"))
    }

    @Test("G34: the main fiber of a thread that has exited is dead, says so, and takes no errors")
    func exitedMain() async throws {
        let left = try await onThread { Unchecked([Fiber<Int>.main, Fiber<Int>(name: "pending") { $0 }]) }
        try await onThread {
            #expect(blockUntil { left.value[0].isDead })
            #expect(blockUntil { "\(left.value[0])".hasSuffix(", which has ended") })
            #expect("\(left.value[0])".hasPrefix("main fiber (dead) of thread 0x"))
            for fiber in left.value {
                for _ in 0..<2 {
                    let error = #expect(throws: FiberError.self) { try fiber.throw(Oops()) }
                    #expect(error?.reason == .hostEnded)
                    #expect(throws: FiberError.self) { try send(1, to: fiber) }
                }
            }
            #expect(left.value[0].parent == nil && left.value[1].parent == left.value[0])
        }
    }

    @Test("G35: switches of many threads to the fibers of others are errors, and no message of these is lost")
    func hostile() async throws {
        let rounds = stress(20)
        let shared = Log<Unchecked<Fiber<Int>>>()
        let stop = Counter()
        let refused = Counter()
        let wrong = Counter()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<16 {
                group.addTask {
                    try await onThread("hostile") {
                        while stop.value < 16 {
                            for fiber in shared.entries.suffix(16) {
                                // SAFETY: that it is refused is the point.
                                do { try fiber.value.switch(-1) } catch is FiberError { refused.add() } catch {
                                    wrong.add()
                                }
                                do { try fiber.value.throw(Oops()) } catch is FiberError { refused.add() } catch {
                                    wrong.add()
                                }
                                _ = "\(fiber.value)"
                            }
                            sy_thread_yield()
                        }
                    }
                }
                group.addTask {
                    try await onThread("creator") {
                        defer { stop.add() }
                        for round in 0..<rounds {
                            let fiber = Fiber<Int> { first in
                                var number = first
                                while true { number = try Fiber<Int>.main.switch(number + 1) }
                            }
                            shared.add(Unchecked(fiber))
                            for number in 0..<50 where try fiber.switch(number + round) != number + round + 1 {
                                wrong.add()
                            }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(wrong.value == 0)
    }
}

extension Future {
    /// What a body returns on a thread of its own.
    static func offThread(_ body: @escaping @Sendable () throws -> Success) -> Future<Success> {
        Future { try await onThread("other", body) }
    }
}
