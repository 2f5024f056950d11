// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

/// The table of DESIGN's section on waiting, row by row: where a wait parks, where it blocks, where it is refused.
@Suite("Where a wait is legal")
struct WaitTableTests {
    @Test("H20: in a greenlet on its hub's thread the greenlet parks and others run")
    func greenlet() async throws {
        try await onVirtualLoop { (loop) throws in
            let order = OrderRecorder()
            let promise = Promise<Int>()
            let waiter = Greenlet.spawn(on: loop) {
                order.record("waits")
                let value = try promise.future.wait()
                order.record("has \(value)")
            }
            Greenlet.spawn(on: loop) {
                order.record("runs")
                promise.succeed(4)
            }
            try loop.run(until: waiter)
            #expect(order.entries == ["waits", "runs", "has 4"])
        }
    }

    @Test("H20: a plain thread blocks until the completion, and no longer than the timeout")
    func plainThread() async throws {
        try await onThread {
            let greenlet = Greenlet.spawn { () throws -> Int in
                try Greenlet.yield()
                return 6
            }
            let value = try greenlet.wait()
            #expect(value == 6)
            let stuck = Promise<Int>()
            #expect(throws: TimedOut.self) { try stuck.future.wait(timeout: .milliseconds(1)) }
            stuck.succeed(1)
            try Greenlet.yield()
            try Greenlet.sleep(for: .nanoseconds(1))
        }
    }

    @Test("H20, V2: on a loop's own thread outside of a greenlet a wait throws at once and names the loop")
    func loopThread() async throws {
        try await onLoop("the loop's name") { loop in
            let places = Log<WouldDeadlock.Place?>()
            let done = Promise<Void>()
            loop.post {
                places.add(refusal { try forever.future.wait() })
                places.add(refusal { try forever.future.wait(timeout: .zero) })
                places.add(refusal { try Greenlet.yield() })
                places.add(refusal { try Greenlet.sleep(for: .seconds(1)) })
                places.add(refusal { try Greenlet.await {} })
                places.add(refusal { try Greenlet.spawn(on: loop) {}.join() })
                done.succeed(())
            }
            try await done.future.value
            #expect(places.entries == Array(repeating: .loop("the loop's name"), count: 6))
        }
    }

    @Test("V2: spawning and completing are allowed in a callback of the loop")
    func callbacks() async throws {
        try await onLoop { (loop) async throws in
            let result = Promise<Int>()
            loop.post {
                let promise = Promise<Int>()
                let greenlet = Greenlet.spawn { try promise.future.wait() + 1 }
                promise.succeed(1)
                _ = greenlet.observe { result.tryComplete($0) }
            }
            #expect(try await result.future.value == 2)
        }
    }

    @Test("H20: in a Swift task, below any synchronous frames, a wait throws and names Greenlet.run")
    func task() async throws {
        func below(_ depth: Int) -> WouldDeadlock.Place? {
            depth == 0 ? refusal { try forever.future.wait() } : below(depth - 1)
        }
        func all() -> [WouldDeadlock.Place?] {
            // It cannot end meanwhile: one that has ended may be joined anywhere.
            let gate = Promise<Void>()
            let greenlet = Greenlet.spawn { try gate.future.wait() }
            defer { gate.succeed(()) }
            return [
                below(0), below(50), refusal { try Greenlet.yield() }, refusal { try Greenlet.sleep(for: .seconds(1)) },
                refusal { try Greenlet.await {} }, refusal { try greenlet.join() },
            ]
        }
        #expect(all() == Array(repeating: .task, count: 6))
        #expect(await Task.detached { below(3) }.value == .task)
        func message() -> String { text { try forever.future.wait() } }
        #expect(message().contains("Greenlet.run"))
    }

    @Test("H20, H4: inside Greenlet.run the greenlet parks and the task suspends")
    func portal() async throws {
        let promise = Promise<Int>()
        let parked = Promise<Void>()
        async let value = Greenlet.run {
            parked.succeed(())
            return try promise.future.wait()
        }
        try await parked.future.value
        promise.succeed(8)
        #expect(try await value == 8)
    }

    @Test("H20: inside Task.immediate, in a greenlet or a portal, a wait is refused")
    func immediate() async throws {
        let places = Log<WouldDeadlock.Place?>()
        let attempt: @Sendable () -> Void = {
            let task = Task.immediate {
                func here() -> WouldDeadlock.Place? { refusal { try forever.future.wait() } }
                func yielding() -> WouldDeadlock.Place? { refusal { try Greenlet.yield() } }
                func awaiting() -> WouldDeadlock.Place? { refusal { try Greenlet.await {} } }
                places.add(here())
                places.add(yielding())
                places.add(awaiting())
                return Greenlet.current == nil
            }
            #expect((try? task.wait()) == true)
            #expect(Greenlet.current != nil)
        }
        try await Greenlet.run { attempt() }
        try await Greenlet.spawn { attempt() }.value
        #expect(places.entries == Array(repeating: .foreignTask, count: 6))
    }

    @Test("H20: a portal entered by a Task.immediate on a greenlet's stack is refused by name")
    func portalOnGreenlet() async throws {
        try await onLoop { (loop) async throws in
            let outcome = try await Greenlet.spawn(on: loop) {
                // The task is isolated to the loop already, so that nothing on its way into the portal hops off this stack.
                let task = Resident(loop).assumeIsolated { resident in
                    Task.immediate { () -> String in
                        resident.visits += 1
                        do { return try await Greenlet.run(on: loop, name: "misplaced") { "ran" } } catch {
                            return "\(error)"
                        }
                    }
                }
                return try task.wait()
            }.value
            #expect(outcome.contains("misplaced"))
        }
    }

    private actor Resident {
        private nonisolated let loop: IOLoop
        nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }
        var visits = 0

        init(_ loop: IOLoop) { self.loop = loop }
    }

    @Test("H20: inside an inline observer a wait throws and names the future, in a greenlet, a portal and on a thread")
    func observer() async throws {
        let places = Log<WouldDeadlock.Place?>()
        let attempt: @Sendable () -> Void = {
            let source = Promise<Int>()
            _ = source.future.observe { _ in
                places.add(refusal { try forever.future.wait() })
                places.add(refusal { try Greenlet.yield() })
                places.add(refusal { try Greenlet.await {} })
            }
            source.succeed(1)
        }
        try await Greenlet.spawn { attempt() }.value
        try await Greenlet.run { attempt() }
        try await onThread { attempt() }
        #expect(places.entries.count == 9)
        for place in places.entries {
            guard case .observer(let source)? = place else {
                Issue.record("\(place as Any)")
                continue
            }
            #expect(source.contains("Future"))
        }
    }

    @Test("H20: a wait on something complete returns at once anywhere, and yields to nobody")
    func complete() async throws {
        func inTask() throws -> Int { try Future.succeeded(1).wait() }
        #expect(try inTask() == 1)
        try await onLoop { (loop) async throws in
            let result = Promise<Int>()
            loop.post { result.complete(with: Result { try Future.succeeded(2).wait() }) }
            #expect(try await result.future.value == 2)
        }
        try await onVirtualLoop { (loop) throws in
            let order = OrderRecorder()
            Greenlet.spawn(on: loop) {
                for _ in 0..<3 { order.record("first \(try Future.succeeded(1).wait())") }
            }
            Greenlet.spawn(on: loop) { order.record("second") }
            try loop.runUntilIdle()
            #expect(order.entries == ["first 1", "first 1", "first 1", "second"])
        }
    }

    @Test("H20: Greenlet.current is the greenlet that runs, and nil everywhere else")
    func current() async throws {
        #expect(Greenlet.current == nil)
        try await onThread { #expect(Greenlet.current == nil) }
        try await onLoop { (loop) async throws in
            let inCallback = Promise<Bool>()
            loop.post { inCallback.succeed(Greenlet.current == nil) }
            #expect(try await inCallback.future.value)
            let greenlet = Greenlet.spawn(on: loop, name: "one") { () -> String? in
                try Greenlet.yield()
                return Greenlet.current?.name
            }
            #expect(try await greenlet.value == "one")
            let names = try await Greenlet.run(on: loop, name: "portal") { () -> [String?] in
                let before = Greenlet.current?.name
                let inside = try Greenlet.await { Greenlet.current?.name }
                try Greenlet.yield()
                return [before, inside, Greenlet.current?.name]
            }
            #expect(names == ["portal", nil, "portal"])
        }
    }
}
