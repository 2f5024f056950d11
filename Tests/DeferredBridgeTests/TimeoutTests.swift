// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import DeferredBridge
import Futures
import Testing

@Suite struct TimeoutTests {
    private let loop = VirtualLoop()

    @Test("D11: after the limit the Deferred is cancelled, and only then the cancellation becomes TimedOut")
    func timesOut() throws {
        let calls = Log<Int>()
        let deferred = Deferred<Int>("page") { _ in calls.add(1) }
        deferred.addTimeout(.seconds(10), on: loop)
        try loop.advance(by: .seconds(9))
        #expect(deferred.words == "pending" && calls.count == 0)
        try loop.advance(by: .seconds(1))
        #expect(calls.count == 1)
        let error = #expect(throws: TimedOut.self) { try deferred.result?.get() }
        #expect(error?.limit == .seconds(10) && error?.operation.contains("page") == true)
        deferred.ignoreFailure()
    }

    @Test("D11: a cancellation by somebody else stays a CancellationError, and disarms the timer")
    func manualCancel() throws {
        let deferred = Deferred<Int>()
        deferred.addTimeout(.seconds(10), on: loop)
        deferred.cancel()
        #expect(deferred.words == "CancellationError")
        #expect(loop.pendingTimers == 0)
    }

    @Test("D11: it covers the stages added before it only; a result disarms it, and later waits are not cancelled")
    func coversWhatCameBefore() throws {
        let before = Deferred<Int>()
        let behind = Deferred<Int>()
        let deferred = Deferred<Int>()
        deferred.addCallback { _ in before }.addTimeout(.seconds(10), on: loop).addCallback { _ in behind }
        try deferred.callback(0)
        try loop.advance(by: .seconds(9))
        try before.callback(0)
        #expect(loop.pendingTimers == 0)
        try loop.advance(by: .seconds(100))
        #expect(deferred.words == "pending")
        try behind.callback(3)
        #expect(deferred.words == "3")
    }

    @Test("D11: a stage that waits when the time is over has what it waits for cancelled")
    func cancelsInner() throws {
        let calls = Log<Int>()
        let inner = Deferred<Int> { _ in calls.add(1) }
        let deferred = Deferred<Int>.succeed(0).addCallback { _ in inner }
        deferred.addTimeout(.seconds(10), on: loop)
        try loop.advance(by: .seconds(10))
        #expect(calls.count == 1)
        #expect(deferred.words == "TimedOut")
        deferred.ignoreFailure()
        keep(inner)
    }

    @Test("D11: the canceller's own value or error wins")
    func cancellerWins() throws {
        let oops = Oops()
        let value = Deferred<Int> { try $0.callback(7) }.addTimeout(.seconds(1), on: loop)
        let error = Deferred<Int> { try $0.errback(oops) }.addTimeout(.seconds(1), on: loop)
        try loop.advance(by: .seconds(1))
        #expect(value.words == "7")
        #expect(error.words == oops.words)
        error.ignoreFailure()
    }

    @Test("D11: a translator is called only when the time was over; it may throw its own error, or return a value")
    func translator() throws {
        let oops = Oops()
        let limits = Log<Duration>()
        let value = Deferred<Int>().addTimeout(.seconds(1), on: loop) { result, limit in
            limits.add(limit)
            #expect(words(result) == "CancellationError")
            return 5
        }
        let error = Deferred<Int>().addTimeout(.seconds(1), on: loop) { _, _ in throw oops }
        let early = Deferred<Int>()
        early.addTimeout(.seconds(1), on: loop) { _, limit in
            limits.add(limit)
            return 0
        }
        try early.callback(1)
        try loop.advance(by: .seconds(1))
        #expect([value.words, error.words, early.words] == ["5", oops.words, "1"])
        #expect(limits.all == [.seconds(1)])
        error.ignoreFailure()
    }

    @Test("D11, B5: a loop that stops before is LoopClosed, not silence")
    func loopStops() {
        let deferred = Deferred<Int>().addTimeout(.seconds(1), on: loop)
        loop.stop()
        #expect(deferred.words == "LoopClosed")
        let late = Deferred<Int>().addTimeout(.seconds(1), on: loop)
        #expect(late.words == "LoopClosed")
        deferred.ignoreFailure()
        late.ignoreFailure()
    }

    @Test("D11, D21: the cancellation of something foreign is translated as well; Twisted's keeps its foreign type")
    func foreignSource() throws {
        let promise = Promise<Int>()
        let deferred = promise.future.deferred().addTimeout(.seconds(1), on: loop)
        try loop.advance(by: .seconds(1))
        #expect(promise.future.isCancelled)
        #expect(deferred.words == "TimedOut")
        deferred.ignoreFailure()
    }

    @Test(
        "D26: a limit too long for the clock does no harm to the loop, whose virtual time stands in for Twisted's Clock"
    )
    func enormousLimit() throws {
        let fired = Log<Int>()
        let deferred = Deferred<Int>().addTimeout(.seconds(Int64.max), on: loop)
        let timer = loop.schedule(after: .seconds(1)) { fired.add(1) }
        try loop.advance(by: .seconds(1))
        #expect(fired.count == 1 && deferred.words == "pending")
        timer.cancel()
        try deferred.callback(1)
        #expect(loop.pendingTimers == 0)
    }

    @Test("D11: a timeout keeps alive neither the Deferred nor, when that is gone, its timer")
    func keepsNothingAlive() throws {
        do { Deferred<Int>().addTimeout(.seconds(1), on: loop).ignoreFailure() }
        Reporter.flush()
        #expect(loop.pendingTimers == 0)
    }
}
