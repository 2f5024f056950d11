// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import DeferredBridge
import Futures
import Testing

@Suite struct PipelineTests {
    // MARK: D1

    @Test("D1: the second fire throws AlreadyCalled, whichever the two were, and the first result stands")
    func firesOnce() throws {
        let fires: [@Sendable (Deferred<Int>) throws -> Void] = [{ try $0.callback(1) }, { try $0.errback(Oops()) }]
        for first in fires {
            for second in fires {
                let deferred = Deferred<Int>()
                try first(deferred)
                let result = deferred.words
                #expect(throws: AlreadyCalled.self) { try second(deferred) }
                #expect(deferred.words == result)
                deferred.ignoreFailure()
            }
        }
    }

    @Test("D1: AlreadyCalled names where the Deferred was made, and where it was fired both times")
    func sites() throws {
        let deferred = Deferred<Int>("page", fileID: "mark/made", line: 1)
        try deferred.callback(1, fileID: "mark/first", line: 2)
        let error = #expect(throws: AlreadyCalled.self) { try deferred.callback(2, fileID: "mark/second", line: 3) }
        let text = try #require(error?.description)
        #expect(text.contains("page") && text.contains("mark/second:3"))
        #if DEBUG
        #expect(text.contains("mark/made:1") && text.contains("mark/first:2"))
        #endif
    }

    // MARK: D2

    @Test("D2: each stage gets what the one before has left")
    func stagesInARow() throws {
        let deferred = Deferred<Int>()
        deferred.addCallback { $0 + 1 }.addCallback { $0 * 10 }
        try deferred.callback(1)
        #expect(deferred.words == "20")
    }

    @Test("D2: a throw switches to the errbacks, and an errback that returns switches back")
    func tracks() throws {
        let log = Log<String>()
        let oops = Oops()
        let deferred = Deferred<Int>()
        deferred.addErrback { _ in
            log.add("too early")
            return 0
        }
        deferred.addCallback { _ in throw oops }
            .addCallback { value in
                log.add("not on this track")
                return value
            }
            .addErrback { error in
                log.add(words(Result<Int, any Error>.failure(error)))
                return 7
            }
            .addCallback { $0 + 1 }
        try deferred.callback(1)
        #expect(log.all == [oops.words])
        #expect(deferred.words == "8")
    }

    @Test("D2: an errback does not see what the callback of its own pair throws; the next one does")
    func pairs() throws {
        let oops = Oops()
        let own = Box(false)
        let deferred = Deferred<Int>()
        deferred.addCallbacks(
            { _ in throw oops },
            errback: { _ in
                own.value = true
                return 0
            }
        )
        deferred.addErrback { ($0 as? Oops) == oops ? 2 : 1 }
        try deferred.callback(1)
        #expect(!own.value)
        #expect(deferred.words == "2")
    }

    @Test("D2: addBoth serves both tracks, and addCallbacks the one that applies")
    func both() throws {
        let log = Log<String>()
        Deferred<Int>.succeed(1).record(in: log).addCallbacks({ $0 + 1 }, errback: { _ in 0 }).record(in: log)
        let oops = Oops()
        Deferred<Int>.fail(oops).record(in: log).addCallbacks({ $0 + 1 }, errback: { _ in 0 }).record(in: log)
        #expect(log.all == ["1", "2", oops.words, "0"])
    }

    @Test("D2: an adder returns the Deferred itself")
    func addersReturnSelf() {
        let deferred = Deferred<Int>.succeed(1)
        #expect(deferred.addCallback { $0 } === deferred)
        #expect(deferred.addErrback { throw $0 } === deferred)
        #expect(deferred.addBoth { try $0.get() } === deferred)
    }

    @Test("D2: then goes on with another type, with a Deferred of another type, and out of an error")
    func otherTypes() throws {
        let deferred = Deferred<Int>()
        let length = deferred.then { "\($0)" }
            .then { text -> Deferred<[String]> in
                let next = Deferred<[String]>()
                try next.callback([text, text])
                return next
            }
            .then { $0.count }
        try deferred.callback(42)
        #expect(length.words == "2")
        let repaired = Deferred<Int>.fail(Oops()).then({ "\($0)" }, errback: { _ in "repaired" })
        #expect(repaired.words == "repaired")
    }

    @Test("D2: what is added behind then is reported, and gets a named error")
    func wrongHandle() async throws {
        let reports = ReportCollector(containing: "mark/behind-then")
        let deferred = Deferred<Int>()
        let text = deferred.then { "\($0)" }
        let seen = Log<String>()
        deferred.addErrback(fileID: "mark/behind-then", line: 1) { error in
            seen.add("\(error)")
            throw error
        }
        try deferred.callback(1)
        #expect(text.words == "1")
        #expect(seen.all.count == 1 && seen.all[0].hasPrefix("DeferredResultMoved"))
        #expect(await reports.settledReports().count == 1)
        // A consumer is told, too.
        let late = await awaited(deferred)
        #expect(throws: DeferredResultMoved.self) { try late.get() }
    }

    // MARK: D3

    @Test("D3: an adder after the fire runs its stage before it returns")
    func inlineAfterFire() {
        let log = Log<Int>()
        Deferred<Int>.succeed(1).addCallback { value in
            log.add(value)
            return value
        }
        #expect(log.all == [1])
    }

    @Test("D3: an adder called from a callback goes to the end")
    func addedFromWithin() throws {
        let log = Log<Int>()
        let deferred = Deferred<Int>()
        deferred.addCallback { [weak deferred] value in
            deferred?.addCallback {
                log.add(3)
                return $0
            }
            log.add(1)
            return value
        }
        deferred.addCallback {
            log.add(2)
            return $0
        }
        try deferred.callback(0)
        #expect(log.all == [1, 2, 3])
    }

    @Test("D3: a stage that another thread adds runs behind the one that is running, and once")
    func addedFromOtherThreads() async throws {
        let deferred = Deferred<Int>()
        let adders = 8
        let each = scaled(500)
        let threads = (0..<adders).map { _ in
            Task {
                try await onThread { for _ in 0..<each { deferred.addCallback { $0 + 1 } } }
            }
        }
        try deferred.callback(0)
        for thread in threads { try await thread.value }
        #expect(await eventually { deferred.words == "\(adders * each)" })
    }

    // MARK: D4

    @Test("D4: a stage that returns a Deferred stops the pipeline until that one has its result")
    func returnsDeferred() throws {
        let inner = Deferred<Int>()
        let outer = Deferred<Int>()
        outer.addCallback { _ in inner }.addCallback { $0 + 1 }
        try outer.callback(0)
        #expect(outer.hasFired && outer.words == "pending")
        try inner.callback(41)
        #expect(outer.words == "42")
    }

    @Test(
        "D4: the result moves: the inner one's own stages run before, and later ones get DeferredResultMoved, handled"
    )
    func resultMoves() async throws {
        let oops = Oops()
        let reports = oops.reports
        let moved = ReportCollector(containing: "the taken result")
        do {
            let log = Log<String>()
            let inner = Deferred<Int>("the taken result")
            inner.record(in: log, as: "before ")
            let outer = Deferred<Int>()
            outer.addCallback { _ in inner }
            try outer.callback(0)
            inner.record(in: log, as: "behind ")
            try inner.errback(oops)
            #expect(log.all == ["before \(oops.words)", "behind DeferredResultMoved"])
            #expect(outer.words == oops.words)
            outer.addErrback { _ in 0 }
        }
        #expect(await reports.settledReports().isEmpty)
        #expect(await moved.settledReports().isEmpty)
    }

    @Test("D4: a result that is there is taken at once, and moves as well")
    func takesReadyResult() {
        let inner = Deferred<Int>.succeed(5)
        let outer = Deferred<Int>.succeed(0).addCallback { _ in inner }
        #expect(outer.words == "5")
        #expect(inner.words == "DeferredResultMoved")
        // A second taker finds nothing, and is told so.
        let second = Deferred<Int>.succeed(0).addCallback { _ in inner }
        #expect(second.words == "DeferredResultMoved")
        second.ignoreFailure()
    }

    @Test("D4: waiting is transitive")
    func transitive() throws {
        let innermost = Deferred<Int>()
        let inner = Deferred<Int>()
        let outer = Deferred<Int>()
        inner.addCallback { _ in innermost }
        outer.addCallback { _ in inner }
        try outer.callback(0)
        try inner.callback(0)
        #expect(outer.words == "pending")
        try innermost.callback(3)
        #expect(outer.words == "3")
    }

    @Test("D4: a fired but paused inner Deferred is waited for")
    func pausedInner() throws {
        let inner = Deferred<Int>.succeed(1)
        inner.pause()
        let outer = Deferred<Int>.succeed(0).addCallback { _ in inner }
        #expect(outer.words == "pending")
        inner.unpause()
        #expect(outer.words == "1")
    }

    @Test("D4: errbacks and both-stages may return Deferreds, too")
    func errbackReturnsDeferred() {
        let one = Deferred<Int>.fail(Oops()).addErrback { _ in Deferred<Int>.succeed(1) }
        let two = Deferred<Int>.fail(Oops()).addBoth { _ in Deferred<Int>.succeed(2) }
        let three = Deferred<Int>.fail(Oops())
            .addCallbacks({ _ in Deferred<Int>.succeed(0) }, errback: { _ in Deferred<Int>.succeed(3) })
        #expect([one.words, two.words, three.words] == ["1", "2", "3"])
    }

    @Test("D4: of two consumers of a result the first runs to its end, then the inner one goes on")
    func orderOfHandOver() throws {
        let log = Log<String>()
        let inner = Deferred<Int>()
        let outer = Deferred<Int>()
        outer.addCallback { _ in inner }.record(in: log, as: "outer ")
        try outer.callback(0)
        inner.record(in: log, as: "inner ")
        try inner.callback(1)
        #expect(log.all == ["outer 1", "inner DeferredResultMoved"])
    }

    // MARK: D6, D7

    @Test("D6: returning itself, or one that waits for it, is a DeferredCycle")
    func cycles() throws {
        let own = Deferred<Int>()
        own.addCallback { [weak own] _ in own! }
        try own.callback(1)
        #expect(own.words == "DeferredCycle")
        own.ignoreFailure()

        let one = Deferred<Int>()
        let two = Deferred<Int>()
        one.addCallback { _ in two }
        two.addCallback { [weak one] _ in one! }
        try one.callback(1)
        try two.callback(1)
        #expect(one.words == "DeferredCycle")
        one.ignoreFailure()
    }

    @Test("D6: a ring through then and chainDeferred is a DeferredCycle")
    func longCycles() throws {
        let number = Deferred<Int>()
        let back = Deferred<Int>.succeed(0)
        let text = number.then { "\($0)" }
        let length = text.then { $0.count }
        back.addCallback { _ in length }
        back.chainDeferred(number)
        #expect(number.words == "DeferredResultMoved")
        #expect(back.words == "AlreadyCalled")
        back.ignoreFailure()

        let own = Deferred<Int>()
        own.chainDeferred(own)
        #expect(own.words == "AlreadyCalled")
        own.ignoreFailure()
    }

    @Test("D7: pause counts; the last unpause runs the stages")
    func pauseCounts() throws {
        let log = Log<String>()
        let deferred = Deferred<Int>()
        deferred.record(in: log)
        deferred.pause()
        deferred.pause()
        try deferred.callback(1)
        deferred.unpause()
        #expect(log.all == [])
        deferred.unpause()
        #expect(log.all == ["1"])
    }

    @Test("D7: an unpause before the fire runs nothing, and one without a pause is reported")
    func unpauseEarly() async throws {
        let reports = ReportCollector(containing: "mark/unpause")
        let log = Log<String>()
        let deferred = Deferred<Int>()
        deferred.record(in: log)
        deferred.pause()
        deferred.unpause()
        deferred.unpause(fileID: "mark/unpause", line: 1)
        #expect(log.all == [])
        try deferred.callback(1)
        #expect(log.all == ["1"])
        #expect(await reports.settledReports().count == 1)
    }

    @Test("D7: a stage may pause its own Deferred")
    func pauseFromWithin() throws {
        let deferred = Deferred<Int>()
        deferred.addCallback { [weak deferred] value in
            deferred?.pause()
            return value
        }
        deferred.addCallback { $0 + 1 }
        try deferred.callback(1)
        #expect(deferred.words == "1")
        deferred.unpause()
        #expect(deferred.words == "2")
    }

    @Test("D7: a paused outer Deferred does not stop the later stages of the inner one")
    func pausedOuter() throws {
        let log = Log<String>()
        let inner = Deferred<Int>()
        let outer = Deferred<Int>()
        outer.addCallback { _ in inner }.record(in: log, as: "outer ")
        try outer.callback(0)
        outer.pause()
        inner.record(in: log, as: "inner ")
        try inner.callback(1)
        #expect(log.all == ["inner DeferredResultMoved"])
        outer.unpause()
        #expect(log.all == ["inner DeferredResultMoved", "outer 1"])
    }
}
