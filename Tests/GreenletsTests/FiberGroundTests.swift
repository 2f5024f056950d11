// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

@Suite("Fibers: what they stand on")
struct FiberGroundTests {
    @Test("H3: a task-local binding of one fiber is not seen in another", .enabled(if: keepsTaskLocals))
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
}

enum Local {
    @TaskLocal static var name = "none"
}
