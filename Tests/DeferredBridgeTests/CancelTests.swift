// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import DeferredBridge
import Futures
import Testing

@Suite struct CancelTests {
    @Test("D8: without a canceller it ends cancelled, exactly one late fire is swallowed, the next is AlreadyCalled")
    func withoutCanceller() throws {
        let deferred = Deferred<Int>()
        deferred.cancel()
        #expect(deferred.words == "CancellationError")
        try deferred.callback(1)
        #expect(deferred.words == "CancellationError")
        #expect(throws: AlreadyCalled.self) { try deferred.errback(Oops()) }
    }

    @Test("D8: the canceller is called once, with the Deferred, and what it fires stands")
    func cancellerFires() throws {
        for fire in [{ try $0.callback(7) }, { try $0.errback(Oops()) }] as [@Sendable (Deferred<Int>) throws -> Void] {
            let given = Log<ObjectIdentifier>()
            let deferred = Deferred<Int> { deferred in
                given.add(ObjectIdentifier(deferred))
                // A cancellation from within changes nothing.
                deferred.cancel()
                try fire(deferred)
            }
            deferred.cancel()
            deferred.cancel()
            #expect(given.all == [ObjectIdentifier(deferred)])
            #expect(deferred.words != "CancellationError" && deferred.words != "pending")
            #expect(throws: AlreadyCalled.self) { try deferred.callback(1) }
            deferred.ignoreFailure()
        }
    }

    @Test("D8: a canceller that fires nothing leaves CancellationError, and a later fire is AlreadyCalled")
    func cancellerFiresNothing() {
        let deferred = Deferred<Int> { _ in }
        deferred.cancel()
        #expect(deferred.words == "CancellationError")
        #expect(throws: AlreadyCalled.self) { try deferred.callback(1) }
    }

    @Test("D8: a canceller that throws is reported, and the Deferred ends cancelled")
    func cancellerThrows() async {
        let oops = Oops()
        let reports = oops.reports
        let deferred = Deferred<Int> { _ in throw oops }
        deferred.cancel()
        #expect(deferred.words == "CancellationError")
        #expect(await reports.settledReports().count == 1)
    }

    @Test("D8: a cancellation is an outcome: an errback may turn it into a value")
    func cancellationIsHandled() {
        let deferred = Deferred<Int>()
        deferred.addErrback { error in
            guard error is CancellationError else { throw error }
            return 5
        }
        deferred.cancel()
        #expect(deferred.words == "5")
    }

    @Test("D8: after the fire nothing happens, and the canceller is not called")
    func afterFire() throws {
        let calls = Log<Int>()
        let deferred = Deferred<Int> { _ in calls.add(1) }
        try deferred.callback(1)
        deferred.cancel()
        #expect(deferred.words == "1")
        #expect(calls.count == 0)
    }

    @Test("D8: one that waits for an inner Deferred cancels that, again and again, and its own canceller is not called")
    func waitingForInner() throws {
        let log = Log<String>()
        let second = Deferred<Int> { _ in log.add("second") }
        let first = Deferred<Int> { _ in log.add("first") }
        let outer = Deferred<Int> { _ in log.add("outer") }
        outer.addCallback { _ in first }.addErrback { _ in second }
        try outer.callback(0)
        outer.cancel()
        #expect(outer.words == "pending")
        outer.cancel()
        #expect(log.all == ["first", "second"])
        #expect(outer.words == "CancellationError")
        keep(first, second)
    }

    @Test("D8: cancelling what then or chainDeferred has made cancels the source")
    func forwarded() throws {
        let log = Log<String>()
        let source = Deferred<Int> { _ in log.add("then") }
        let text = source.then { "\($0)" }
        text.cancel()
        #expect(text.words == "CancellationError")

        let chained = Deferred<Int> { _ in log.add("chained") }
        let target = Deferred<Int>()
        chained.chainDeferred(target)
        target.cancel()
        #expect(target.words == "CancellationError")

        let other = Deferred<Int> { _ in log.add("not this one") }
        let own = Deferred<Int> { _ in log.add("its own") }
        other.chainDeferred(own)
        own.cancel()
        #expect(log.all == ["then", "chained", "its own"])
        keep(source, chained, other)
    }

    @Test("D4, D8: a chain whose target has fired goes on with AlreadyCalled; a cancelled target swallows the result")
    func chainToFired() {
        let fired = Deferred<Int>.succeed(1)
        let source = Deferred<Int>.succeed(2).chainDeferred(fired)
        #expect(fired.words == "1")
        #expect(source.words == "AlreadyCalled")
        source.ignoreFailure()

        let cancelled = Deferred<Int>()
        cancelled.cancel()
        #expect(Deferred<Int>.succeed(2).chainDeferred(cancelled).words == "DeferredResultMoved")
    }

    @Test("D8: cancelling and firing on different threads leaves one outcome, which every stage sees")
    func race() async throws {
        for _ in 0..<scaled(300) {
            let seen = Log<String>()
            let deferred = Deferred<Int> { _ in }
            deferred.record(in: seen)
            async let fired: Void = onThread { try? deferred.callback(1) }
            async let cancelled: Void = onThread { deferred.cancel() }
            _ = try await (fired, cancelled)
            #expect(seen.count == 1 && seen.all == [deferred.words])
        }
    }

    // MARK: D9, D10

    @Test("D9: the canceller is released when the Deferred fires, by value, error or cancellation")
    func cancellerIsReleased() throws {
        let fires: [@Sendable (Deferred<Int>) throws -> Void] = [
            { try $0.callback(1) }, { try $0.errback(Oops()) }, { $0.cancel() },
        ]
        for fire in fires {
            let released = Box(false)
            let deferred = { () -> Deferred<Int> in
                let work = Sentinel { released.value = true }
                return Deferred { _ in work.touch() }
            }()
            #expect(!released.value)
            try fire(deferred)
            #expect(released.value)
            deferred.ignoreFailure()
        }
    }

    @Test("D9: a stage is released when it has run, an observer as well")
    func stagesAreReleased() throws {
        let released = Log<String>()
        let deferred = Deferred<Int>()
        do {
            let stage = Sentinel { released.add("stage") }
            deferred.addCallback { value in
                stage.touch()
                return value
            }
            let observer = Sentinel { released.add("observer") }
            _ = deferred.observe { _ in observer.touch() }
        }
        #expect(released.count == 0)
        try deferred.callback(1)
        #expect(released.all == ["stage", "observer"])
    }

    @Test("D10: a failure that nobody has handled is reported once, when the Deferred is released")
    func unhandled() async throws {
        let oops = Oops()
        let reports = oops.reports
        do {
            let deferred = Deferred<Int>("unhandled")
            deferred.addCallback { $0 + 1 }
            try deferred.errback(oops)
            #expect(await reports.settledReports().isEmpty)
        }
        #expect(await reports.settledReports().count == 1)
    }

    @Test("D10: a failure in a pipeline that refers to its own Deferred is reported, too")
    func unhandledInCycle() async throws {
        let oops = Oops()
        let reports = oops.reports
        do {
            let deferred = Deferred<Int>()
            deferred.addCallback { value in
                _ = deferred.hasFired
                return value
            }
            try deferred.errback(oops)
        }
        #expect(await reports.settledReports().count == 1)
    }

    @Test("D10: a failure that was handled, observed, passed on or a cancellation is not reported")
    func handled() async throws {
        let oops = Oops()
        let reports = oops.reports
        let cancellations = ReportCollector(containing: "a cancelled one")
        do {
            Deferred<Int>.fail(oops).addErrback { _ in 1 }
            _ = Deferred<Int>.fail(oops).observe { _ in }
            Deferred<Int>.fail(oops).then { $0 }.addErrback { _ in 1 }
            let inner = Deferred<Int>()
            let outer = Deferred<Int>.succeed(1).addCallback { _ in inner }
            try inner.errback(oops)
            outer.addErrback { _ in 1 }
            Deferred<Int>("a cancelled one").cancel()
        }
        #expect(await reports.settledReports().isEmpty)
        #expect(await cancellations.settledReports().isEmpty)
    }

    @Test("D10: a failure is reported after an observer if a later stage has made it")
    func laterFailure() async throws {
        let oops = Oops()
        let reports = oops.reports
        do {
            let deferred = Deferred<Int>.fail(Oops())
            deferred.ignoreFailure()
            deferred.addErrback { _ in throw oops }
        }
        #expect(await reports.settledReports().count == 1)
    }

    @Test(
        "D10, B5: a Deferred that is dropped unfired, or paused, breaks its promise to stages and observers, elsewhere"
    )
    func droppedUnfired() async throws {
        let seen = Log<String>()
        let future: Future<Int>
        let waiting: Deferred<Int>
        do {
            let deferred = Deferred<Int>()
            deferred.record(in: seen)
            future = deferred.future()
            waiting = Deferred<Int>.succeed(1).addCallback { _ in deferred }
            let paused = Deferred<Int>.succeed(1)
            paused.pause()
            paused.record(in: seen)
            paused.ignoreFailure()
        }
        await #expect(throws: BrokenPromise.self) { try await future.value }
        #expect(await eventually { seen.count == 2 && waiting.words == "BrokenPromise" })
        #expect(seen.all == ["BrokenPromise", "BrokenPromise"])
        waiting.ignoreFailure()
    }
}
