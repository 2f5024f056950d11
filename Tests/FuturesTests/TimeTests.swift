// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Testing

@Suite struct TimeTests {
    init() { Reports.install() }

    @Test("T8: a source that is slower ends with TimedOut at the deadline, and goes on")
    func timeout() throws {
        let loop = VirtualLoop()
        let promise = Promise<Int>.kept("slow")
        let limited = promise.future.timeout(.seconds(5), on: loop)
        try loop.advance(by: .seconds(4))
        #expect(limited.words == "pending")
        try loop.advance(by: .seconds(1))
        guard case .failure(let error as TimedOut)? = limited.outcome else {
            Issue.record("\(limited)")
            return
        }
        #expect(error.limit == .seconds(5))
        #expect(error.description.contains("slow"))
        #expect(promise.future.words == "pending")
        #expect(promise.future._observers == 0)
        _ = limited.observe { _ in }
        promise.succeed(1)
        #expect(promise.future.words == "1")
    }

    @Test("T8: the timer is disarmed when the source wins, or the result is cancelled")
    func disarmed() {
        let loop = VirtualLoop()
        let promise = Promise<Int>.kept()
        let limited = promise.future.timeout(.seconds(5), on: loop)
        let cancelled = promise.future.timeout(.seconds(5), on: loop)
        cancelled.cancel()
        promise.succeed(1)
        #expect(limited.words == "1")
        #expect(loop.pendingTimers == 0)
        #expect(loop.pendingClosers == 0)
    }

    @Test("T8: a deadline that has passed still times out, in the loop's next turn; a complete future wins over it")
    func passed() throws {
        let loop = VirtualLoop()
        try loop.advance(by: .seconds(10))
        let promise = Promise<Int>.kept()
        let limits = [
            promise.future.timeout(.zero, on: loop), promise.future.timeout(.seconds(-1), on: loop),
            promise.future.timeout(at: LoopInstant(nanoseconds: 5), on: loop),
        ]
        for limited in limits { #expect(limited.words == "pending") }
        try loop.runUntilIdle()
        for limited in limits {
            #expect(limited.words == "TimedOut")
            _ = limited.observe { _ in }
        }
        #expect(Future.succeeded(1).timeout(.zero, on: loop).words == "1")
    }

    @Test("T8, C9: an absolute deadline is one of the loop's clock")
    func absolute() throws {
        let loop = VirtualLoop()
        try loop.advance(by: .seconds(10))
        let limited = Promise<Int>.endless.future.timeout(at: loop.now.advanced(by: .seconds(2)), on: loop)
        let call = Call<Int> { Keeper.keep($0) }.timeout(at: loop.now.advanced(by: .seconds(2)), on: loop).future()
        try loop.advance(by: .seconds(1))
        #expect(!call.isCompleted)
        try loop.advance(by: .seconds(1))
        #expect(call.words == "TimedOut")
        _ = (limited.observe { _ in }, call.observe { _ in })
    }

    @Test("T8, K5: a failure of the source that comes after the timeout is reported once, with its own place")
    func lateFailure() throws {
        let loop = VirtualLoop()
        let error = Oops()
        do {
            let promise = Promise<Int>("late one")
            _ = promise.future.timeout(.seconds(1), on: loop).observe { _ in }
            try loop.advance(by: .seconds(1))
            promise.fail(error)
        }
        let reports = Reports.failures(error)
        #expect(reports.count == 1)
        #expect(reports.first?.description.contains("late one") == true)
    }

    @Test("T8: somebody else who observes the source is enough for its late failure")
    func lateFailureObserved() throws {
        let loop = VirtualLoop()
        let error = Oops()
        do {
            let promise = Promise<Int>()
            _ = promise.future.timeout(.seconds(1), on: loop).observe { _ in }
            _ = promise.future.observe { _ in }
            try loop.advance(by: .seconds(1))
            promise.fail(error)
        }
        #expect(Reports.failures(error).isEmpty)
    }

    @Test("K4: a call's timeout cancels its run and is TimedOut whatever the run makes of it")
    func callTimeout() throws {
        let loop = VirtualLoop()
        let cancelled = Box(0)
        let run = Call<Int> { promise in
            promise.onCancel {
                cancelled.increment()
                promise.succeed(9)
            }
        }.timeout(.seconds(1), on: loop).future()
        try loop.advance(by: .seconds(1))
        #expect(cancelled.value == 1)
        #expect(run.words == "TimedOut")
        _ = run.observe { _ in }
    }

    @Test("C9: whether the deadline, the source or a cancellation came first is decided once, by one transition")
    func decidedOnce() async throws {
        for _ in 0..<scaled(200) {
            let loop = VirtualLoop()
            let promise = Promise<Int>.kept()
            let limited = promise.future.timeout(.seconds(1), on: loop)
            let seen = Log<String>()
            _ = limited.observe { seen.add(words($0)) }
            let gate = Gate(3)
            _ = try await Future.all(
                [
                    startThread {
                        gate.pass(); try loop.advance(by: .seconds(1))
                    },
                    startThread {
                        gate.pass(); promise.tryComplete(.success(1))
                    },
                    startThread {
                        gate.pass(); limited.cancel()
                    },
                ].map { $0.map { _ in } }
            ).value
            #expect(seen.all == [limited.words])
            #expect(loop.pendingTimers == 0)
        }
    }

    @Test("C10, K3: a timeout or a sleep on a loop that closes fails with LoopClosed, one on a closed loop at once")
    func closing() {
        let loop = VirtualLoop("gone")
        let before = [
            Promise<Int>.endless.future.timeout(.seconds(1), on: loop).map { _ in }, .sleep(for: .seconds(1), on: loop),
        ]
        let kept = Promise<Int>.kept()
        let limited = kept.future.timeout(.seconds(1), on: loop)
        loop.stop()
        let after = [kept.future.timeout(.seconds(1), on: loop).map { _ in }, .sleep(for: .seconds(1), on: loop)]
        for future in before + after + [limited.map { _ in }] {
            #expect(future.words == "LoopClosed")
            _ = future.observe { _ in }
        }
        #expect(kept.future.words == "pending")
    }

    @Test("T9: a sleep is a future that completes at its time; zero still takes one turn")
    func sleeping() throws {
        let loop = VirtualLoop()
        let long = Future.sleep(for: .seconds(2), on: loop)
        let zero = Future.sleep(for: .zero, on: loop)
        #expect(zero.words == "pending")
        try loop.runUntilIdle()
        #expect(zero.words == "()")
        try loop.advance(by: .seconds(1))
        #expect(long.words == "pending")
        try loop.advance(by: .seconds(1))
        #expect(long.words == "()")
    }

    @Test("T9: cancelling a sleep removes its timer, and is safe afterwards")
    func cancellingSleep() throws {
        let loop = VirtualLoop()
        let sleeper = Future.sleep(for: .seconds(2), on: loop)
        #expect(sleeper.cancel() == .stopped)
        #expect(loop.pendingTimers == 0 && loop.pendingClosers == 0)
        let over = Future.sleep(for: .zero, on: loop)
        try loop.runUntilIdle()
        #expect(over.cancel() == .tooLate)
    }

    @Test("T9: delay passes the value on later and failures at once; cancelling it ends the pause")
    func delay() throws {
        let loop = VirtualLoop()
        let error = Oops()
        let delayed = Future.succeeded(1).delay(.seconds(1), on: loop)
        let failed = Future<Int>.failed(error).delay(.seconds(1), on: loop)
        #expect(failed.words == "oops \(error.id)")
        _ = failed.observe { _ in }
        #expect(delayed.words == "pending")
        try loop.advance(by: .seconds(1))
        #expect(delayed.words == "1")
        let other = Future.succeeded(1).delay(.seconds(1), on: loop)
        #expect(other.cancel() == .stopped)
        #expect(loop.pendingTimers == 0)
    }

    @Test("T9: without a loop, timers run on the background thread")
    func background() async throws {
        #expect(try await Future.succeeded(1).delay(.milliseconds(1)).value == 1)
        await #expect(throws: TimedOut.self) { try await Promise<Int>.endless.future.timeout(.milliseconds(1)).value }
        let loop = VirtualLoop()
        let sleeper = loop.run { Future.sleep(for: .seconds(1)) }
        try loop.advance(by: .seconds(1))
        #expect(sleeper.isCompleted)
    }

    @Test("T8: retry tries again with pauses, as often as asked, and ends with the last error")
    func retry() throws {
        let loop = VirtualLoop()
        let errors = (0..<3).map { _ in Oops() }
        let runs = Box(0)
        let call = Call<Int> { promise in
            runs.increment()
            promise.fail(errors[runs.value - 1])
        }
        let pauses = Log<Int>()
        let future = call.retry(
            3,
            on: loop,
            delay: { run in
                pauses.add(run)
                return .seconds(run)
            }
        ).future()
        #expect(runs.value == 1)
        try loop.advance(by: .seconds(1))
        #expect(runs.value == 2)
        try loop.advance(by: .seconds(1))
        #expect(runs.value == 2)
        try loop.advance(by: .seconds(1))
        #expect(runs.value == 3)
        #expect(pauses.all == [1, 2])
        #expect(future.words == "oops \(errors[2].id)")
        _ = future.observe { _ in }
    }

    @Test("T8: retry stops at a success, at an error that is not worth it, and at a cancellation")
    func retryStops() throws {
        let loop = VirtualLoop()
        let runs = Box(0)
        let flaky = Call<Int> { promise in
            runs.increment()
            if runs.value < 3 { promise.fail(Oops()) } else { promise.succeed(runs.value) }
        }
        #expect(flaky.retry(5).future().words == "3")
        runs.value = 0
        let picky = flaky.retry(5, if: { _ in false }).future()
        #expect(picky.isCompleted && runs.value == 1)
        _ = picky.observe { _ in }
        runs.value = 0
        let paused = flaky.retry(5, on: loop, delay: { _ in .seconds(1) }).future()
        #expect(paused.cancel() == .stopped)
        try loop.advance(by: .seconds(9))
        #expect(runs.value == 1)
        #expect(paused.isCancelled && loop.pendingTimers == 0)
    }
}
