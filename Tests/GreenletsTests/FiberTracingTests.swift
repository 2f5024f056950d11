// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

@Suite("Fibers: tracing")
struct FiberTracingTests {
    @Test("G44: a tracer is told of each switch, in order, on the stack of the fiber that was entered")
    func events() async throws {
        try await onThread { () throws in
            let order = OrderRecorder()
            let tracer = FiberTracer { event in
                #expect(Fiber<Int>.current.isActive)
                #expect("\(Fiber<Int>.current)".contains(event.target.isMain ? "main fiber" : event.target.name))
                order.record("\(event)")
            }
            #expect(Fiber.trace(tracer) == nil)
            #expect(try send(1, to: Fiber(name: "a") { $0 }) == 1)
            #expect(throws: Oops.self) { try send(1, to: Fiber(name: "b") { _ in throw Oops() }) }
            #expect(Fiber.trace(nil) === tracer)
            try send(1, to: Fiber(name: "untraced") { $0 })
            #expect(order.entries == ["switch main → a", "switch a → main", "switch main → b", "throw b → main"])
        }
    }

    @Test("G44: setting a tracer gives the one before, the same may be set twice, and each thread has its own")
    func replacing() async throws {
        try await onThread { () throws in
            let count = Counter()
            let first = FiberTracer { _ in count.add() }
            let second = FiberTracer { _ in }
            #expect(Fiber.trace(first) == nil)
            #expect(Fiber.trace(first) === first)
            try Future.offThread {
                #expect(Fiber.trace(nil) == nil)
                try send(1, to: Fiber { $0 })
            }.wait()
            #expect(count.value == 0)
            try send(1, to: Fiber { $0 })
            #expect(count.value == 2)
            #expect(Fiber.trace(second) === first)
            #expect(Fiber.trace(nil) === second)
            try send(1, to: Fiber { $0 })
            #expect(count.value == 2)
        }
    }

    @Test("G44: a thread's tracer is told of the fibers of its greenlets")
    func greenlets() async throws {
        try await onLoop { (loop) async throws in
            let count = Counter()
            let release = Promise<Void>()
            let early = Greenlet.spawn(on: loop) {
                try send(1, to: Fiber { $0 })
                try release.future.wait()
                try send(1, to: Fiber { $0 })
            }
            let late = Greenlet.spawn(on: loop) {
                Fiber.trace(FiberTracer { _ in count.add() })
                try send(1, to: Fiber { $0 })
            }
            try await late.value
            // One whose first fiber comes after the tracer.
            try await Greenlet.spawn(on: loop) { _ = try send(1, to: Fiber { $0 }) }.value
            #expect(count.value == 4)
            release.succeed(())
            try await early.value
            #expect(count.value == 6)
        }
    }

    @Test("G14: a switch to oneself is no event")
    func selfSwitch() async throws {
        try await onThread { () throws in
            let count = Counter()
            Fiber.trace(FiberTracer { _ in count.add() })
            #expect(try send(7, to: Fiber.current) == 7)
            #expect(count.value == 0)
        }
    }

    @Test("G44: an exit is thrown at the fiber that gets it, and is a switch for its parent")
    func exits() async throws {
        try await onThread { () throws in
            let order = OrderRecorder()
            let fiber = Fiber<Int>(name: "killed") { try Fiber.main.switch($0) }
            try send(1, to: fiber)
            Fiber.trace(FiberTracer { order.record("\($0)") })
            #expect(try throwExit(into: fiber) == nil)
            #expect(order.entries == ["throw main → killed", "switch killed → main"])
        }
    }

    @Test("G45: a tracer that throws is removed, its error takes the place of the message, and that is reported")
    func throwing() async throws {
        let reports = ReportCollector(containing: "fiber betrayed")
        try await onThread { () throws in
            let order = OrderRecorder()
            let fiber = Fiber<Int>(name: "betrayed") { first in
                do { return try Fiber<Int>.main.switch(first) } catch let error as Oops { return error.number }
            }
            try send(1, to: fiber)
            Fiber.trace(
                FiberTracer { event in
                    order.record("\(event), \(fiber.isDead ? "dead" : "alive")")
                    throw Oops(number: 13)
                }
            )
            #expect(try send(2, to: fiber) == 13)
            #expect(order.entries == ["switch main → betrayed, alive"])
            #expect(Fiber.trace(nil) == nil)
        }
        let text = await reports.settledReports().map { "\($0)" }
        #expect(
            text.count == 1 && text[0].contains("lost a message") && text[0].contains("Oops(number: 13)"),
            "\(text)"
        )
    }

    @Test(
        "G45: where a tracer throws at a fiber that begins, the body does not run; at a parent, the child's result is lost"
    )
    func throwingAtTheEnds() async throws {
        let reports = ReportCollector(containing: "Oops(number: 94502)")
        try await onThread { () throws in
            let ran = Counter()
            let fiber = Fiber<Int>(name: "traced") {
                ran.add(); return $0
            }
            Fiber.trace(FiberTracer { _ in throw Oops(number: 1) })
            #expect(throws: Oops(number: 1)) { try send(1, to: fiber) }
            #expect(fiber.isDead && ran.value == 0)

            let other = Fiber<Int>(name: "traced") { $0 }
            Fiber.trace(FiberTracer { event in if event.target.isMain { throw Oops(number: 94502) } })
            #expect(throws: Oops(number: 94502)) { try send(1, to: other) }
            #expect(other.isDead)
        }
        #expect(await reports.settledReports().count == 1)
    }

    @Test("G20: a tracer that switches disturbs no message of the switch it is told of")
    func switching() async throws {
        try await onThread { () throws in
            let echo = Fiber<Int>(name: "echo") { first in
                var number = first
                while true { number = try Fiber<Int>.current.parent!.switch(number) }
            }
            let worker = Fiber<Int>(name: "worker") { first in
                let second = try Fiber<Int>.main.switch(first * 2)
                return second * 3
            }
            let seen = Counter()
            var isBusy = false
            Fiber.trace(
                FiberTracer { _ in
                    if isBusy { return }
                    isBusy = true
                    defer { isBusy = false }
                    // Its own parent is where the tracer runs.
                    try echo.setParent(Fiber.current)
                    seen.add(try echo.switch(1))
                }
            )
            #expect(try send(5, to: worker) == 10)
            #expect(try send(7, to: worker) == 21)
            #expect(seen.value == 4)
            Fiber.trace(nil)
        }
    }
}
