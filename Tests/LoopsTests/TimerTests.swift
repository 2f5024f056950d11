// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Loops
import Testing

@Suite("Timers of loops")
struct TimerTests {
    @Test("E6, B9: timers with equal deadlines fire in the order in which they were set")
    func equalDeadlines() async throws {
        try await withLoop { loop in
            let order = OrderRecorder()
            let deadline = loop.now.advanced(by: .milliseconds(3))
            for number in 0..<50 { _ = loop.schedule(at: deadline) { order.record("\(number)") } }
            #expect(await eventually { order.count == 50 })
            #expect(order.entries == (0..<50).map { "\($0)" })
        }
    }

    @Test("T12: one timer's callback can cancel another one that is due")
    func cancelDueTimer() throws {
        let loop = VirtualLoop()
        let order = OrderRecorder()
        let second = Cell(LoopTimer.spent)
        _ = loop.schedule(after: .seconds(1)) { order.record("first, cancels: \(second.value.cancel())") }
        second.value = loop.schedule(after: .seconds(1)) { order.record("second") }
        try loop.advance(by: .seconds(2))
        #expect(order.entries == ["first, cancels: true"])
    }

    @Test("T12: one timer's callback can cancel another one that is due, also on a real loop")
    func cancelDueTimerForReal() async throws {
        try await onThread {
            let loop = try IOLoop()
            defer { loop.stop() }
            let order = OrderRecorder()
            let second = Cell(LoopTimer.spent)
            let deadline = loop.now
            _ = loop.schedule(at: deadline) { order.record("first, cancels: \(second.value.cancel())") }
            second.value = loop.schedule(at: deadline) { order.record("second") }
            try loop.run(until: Future<Void>.sleep(for: .milliseconds(1), on: loop))
            #expect(order.entries == ["first, cancels: true"])
        }
    }

    @Test("T12: cancelling is legal before, while and after the timer fires")
    func cancelAnyTime() throws {
        let loop = VirtualLoop()
        let inside = Cell<Bool?>(nil)
        let timer = Cell(LoopTimer.spent)
        timer.value = loop.schedule(after: .seconds(1)) { inside.value = timer.value.cancel() }
        try loop.advance(by: .seconds(1))
        #expect(inside.value == false)
        #expect(timer.value.cancel() == false)
        let other = loop.schedule(after: .seconds(1)) { Issue.record("cancelled timers do not fire") }
        #expect(other.cancel())
        #expect(!other.cancel())
        try loop.advance(by: .seconds(2))
    }

    @Test("T12: thousands of timers set and taken back leave nothing behind")
    func nothingPilesUp() async throws {
        let loop = try IOLoop()
        defer { loop.stop() }
        for _ in 0..<20_000 { loop.schedule(after: .seconds(1000)) {}.cancel() }
        #expect(loop.heldTimers < 200)
        let sleeps = (0..<1000).map { _ in Future<Void>.sleep(for: .seconds(1000), on: loop) }
        for sleep in sleeps { sleep.cancel() }
        #expect(loop.heldTimers < 2500)
        #expect(loop.closeActions == 0)
    }

    @Test("T9, T12: a timer of zero, or of the past, still takes a turn; what a timer sets comes in a later turn")
    func zeroTakesATurn() throws {
        let loop = VirtualLoop()
        let order = OrderRecorder()
        _ = loop.schedule(after: .zero) {
            order.record("timer")
            _ = loop.schedule(after: .seconds(-1)) { order.record("past") }
            loop.post { order.record("posted") }
        }
        #expect(order.entries == [])
        try loop.runUntilIdle()
        #expect(order.entries == ["timer", "posted", "past"])
    }

    @Test("E5: a callback that takes long neither delays other timers beyond itself nor shortens the ones it arms")
    func slowCallback() async throws {
        try await onThread {
            let loop = try IOLoop()
            defer { loop.stop() }
            let start = loop.now
            let armed = Promise<Duration>()
            let pending = Promise<Duration>()
            _ = loop.schedule(after: .milliseconds(60)) { pending.succeed(start.duration(to: loop.now)) }
            loop.post {
                // The clock of a turn would stand still meanwhile.
                _ = blockUntil { start.duration(to: loop.now) > .milliseconds(50) }
                let now = loop.now
                _ = loop.schedule(after: .milliseconds(20)) { armed.succeed(now.duration(to: loop.now)) }
            }
            let late = try loop.run(until: pending.future)
            let own = try loop.run(until: armed.future)
            #expect(late >= .milliseconds(60))
            #expect(own >= .milliseconds(20))
        }
    }

    @Test("E5: a sleeping loop wakes for a timer that another thread sets, also for an earlier one")
    func timersFromOtherThreads() async throws {
        try await withLoop { loop in
            let far = loop.schedule(after: .seconds(1000)) { Issue.record("far") }
            _ = try await loop.submit {}.value
            for _ in 0..<20 { try await Future<Void>.sleep(for: .microseconds(500), on: loop).value }
            #expect(far.cancel())
        }
    }

    @Test("sleeping on a loop's clock ends at its instant, and at once when the task is cancelled")
    func clock() async throws {
        try await withLoop { loop in
            let start = loop.clock.now
            try await loop.clock.sleep(for: .milliseconds(3))
            #expect(start.duration(to: loop.now) >= .milliseconds(3))
            let task = Task { try await loop.clock.sleep(for: .seconds(1000)) }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }

    @Test("T12: instants too far away to express never come, and do not disturb the others (Twisted: D26)")
    func distantDeadlines() async throws {
        try await withLoop { loop in
            let forever = loop.schedule(after: .seconds(Int64.max)) { Issue.record("for ever is over") }
            try await Future<Void>.sleep(for: .milliseconds(1), on: loop).value
            #expect(forever.cancel())
        }
    }
}
