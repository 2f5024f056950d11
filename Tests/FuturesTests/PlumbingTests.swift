// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Testing

@Suite struct PlumbingTests {
    @Test("B9: timers with equal deadlines come out in the order they were set, others by deadline")
    func timerOrder() {
        let timers = TimerQueue()
        let log = Log<Int>()
        for (index, deadline) in [5, 1, 5, 3, 1, 5].enumerated() {
            _ = timers.add(at: LoopInstant(nanoseconds: Int64(deadline))) { log.add(index) }
        }
        while let timer = timers.popDue(at: .distantFuture) { timer.take()?() }
        #expect(log.all == [1, 4, 3, 0, 2, 5])
    }

    @Test("T8: thousands of timers set and cancelled leave nothing behind")
    func timersDoNotPileUp() {
        let timers = TimerQueue()
        for round in 0..<5000 {
            let (entry, _) = timers.add(at: LoopInstant(nanoseconds: Int64(round))) {}
            #expect(timers.cancel(entry))
            #expect(!timers.cancel(entry))
        }
        #expect(timers.count == 0 && timers.held <= 130 && timers.earliest == nil)
    }

    @Test("C12: a timer that is cancelled and fires at the same time does one of both")
    func timerRace() async throws {
        for _ in 0..<scaled(200) {
            let timers = TimerQueue()
            let ran = Box(0)
            let (entry, _) = timers.add(at: LoopInstant(nanoseconds: 0)) { ran.increment() }
            let gate = Gate(2)
            let cancelled = try await Future.all(
                startThread {
                    gate.pass(); timers.popDue(at: .now)?.take()?()
                },
                startThread {
                    gate.pass(); return timers.cancel(entry)
                }
            ).value.1
            #expect(ran.value == (cancelled ? 0 : 1))
        }
    }

    @Test("B9: what is posted to the background thread runs in order, and its timers by deadline")
    func drain() async {
        let log = Log<Int>()
        let gate = Box(false)
        Drain.shared.post { spin { gate.value } }
        let now = LoopInstant.now
        for (index, delay) in [3, 1, 2].enumerated() {
            _ = Drain.shared.schedule(at: now.advanced(by: .milliseconds(delay))) { log.add(index) }
        }
        gate.value = true
        #expect(await eventually { log.count == 3 })
        #expect(log.all == [1, 2, 0])
        for index in 0..<100 { Drain.shared.post { log.add(index) } }
        #expect(await eventually { log.count == 103 })
        #expect(Array(log.all[3...]) == Array(0..<100))
    }

    @Test("C9: instants and durations that are too far away end at the limits instead of trapping")
    func limits() {
        let start = LoopInstant(nanoseconds: -5)
        #expect(start.advanced(by: .seconds(Int64.max)) == .distantFuture)
        #expect(start.advanced(by: .seconds(Int64.min)).nanoseconds == .min)
        #expect(start.advanced(by: .nanoseconds(7)).nanoseconds == 2)
        #expect(LoopInstant.distantFuture.advanced(by: .seconds(1)) == .distantFuture)
        #expect(start.duration(to: .distantFuture) > .seconds(1))
        #expect(LoopInstant(nanoseconds: .min).duration(to: .distantFuture) > .zero)
        #expect(LoopInstant(nanoseconds: .min).advanced(by: .seconds(-1)).nanoseconds == .min)
    }

    @Test(
        "Every error says what happened, where it began and what to do",
        arguments: [
            (BrokenPromise(origin: "here") as any Error & CustomStringConvertible, ["made at here", "Complete it"]),
            (
                LoopClosed(loop: "main", operation: "a sleep"),
                ["a sleep on loop \"main\"", "Start the operation while"]
            ),
            (WouldDeadlock(.task), ["inside a Swift task", "try await x.value", "Greenlet.run"]),
            (WouldDeadlock(.loop("main")), ["loop \"main\"", "Greenlet.spawn", "run(until:)"]),
            (WouldDeadlock(.observer(of: "Future<Int>")), ["an observer of Future<Int>", "flatMap"]),
            (WouldDeadlock(.foreignTask), ["another task's job", "Wait in the greenlet's own body"]),
            (TimedOut(after: .seconds(1), waitingFor: "a fetch"), ["a fetch", "1.0 seconds", "a later wait may"]),
            (EmptyInput("Future.race"), ["Future.race", "Check that the list is not empty"]),
            (PromiseCycle(origin: "here"), ["made at here", "Return another future"]),
        ] as [(any Error & CustomStringConvertible, [String])]
    )
    func errors(_ error: any Error & CustomStringConvertible, _ parts: [String]) {
        #expect(error.description.hasPrefix("\(type(of: error)): "))
        for part in parts { #expect(error.description.contains(part)) }
    }
}
