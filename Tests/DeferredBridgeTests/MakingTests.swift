// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import DeferredBridge
import Futures
import Testing

@Suite struct MakingTests {
    @Test("D15: maybeDeferred makes one type of a value, an error, a Result, a Deferred and an async function")
    func maybeDeferred() async throws {
        let oops = Oops()
        let own = Deferred<Int>.succeed(3)
        let value: Deferred<Int> = .maybeDeferred { 1 }
        let error: Deferred<Int> = .maybeDeferred { throw oops }
        let result: Deferred<Int> = .maybeDeferred { Result<Int, any Error>.failure(oops) }
        let deferred: Deferred<Int> = .maybeDeferred { own }
        let future: Deferred<Int> = .maybeDeferred { Future<Int>.succeeded(4) }
        let coroutine: Deferred<Int> = .maybeDeferred { Call<Int> { 5 } }
        #expect([value.words, error.words, result.words, future.words] == ["1", oops.words, oops.words, "4"])
        #expect(deferred === own)
        #expect(try await coroutine.value == 5)
        error.ignoreFailure()
        result.ignoreFailure()
    }

    @Test("D15: execute, succeed and fail make Deferreds that have their result")
    func making() {
        let oops = Oops()
        let failed = [Deferred<Int>.execute { throw oops }, .fail(oops)]
        #expect(failed.map(\.words) == [oops.words, oops.words])
        #expect([Deferred<Int>.execute { 1 }.words, Deferred<Int>.succeed(2).words] == ["1", "2"])
        #expect(throws: AlreadyCalled.self) { try Deferred<Int>.succeed(1).callback(2) }
        for deferred in failed { deferred.ignoreFailure() }
    }

    @Test("D16: a Deferred as a value is a value, and flatten waits for it")
    func flatten() throws {
        let inner = Deferred<Int>()
        let outer = Deferred<Deferred<Int>>()
        try outer.callback(inner)
        #expect(try outer.result?.get() === inner)
        let flat = outer.flatten()
        #expect(flat.words == "pending")
        try inner.callback(7)
        #expect(flat.words == "7")
    }

    @Test("D20: ensureDeferred passes a Deferred through, and takes anything awaitable and async functions")
    func ensureDeferred() async throws {
        let own = Deferred<Int>()
        #expect(Deferred.ensureDeferred(own) === own)
        #expect(Deferred.ensureDeferred(Future<Int>.succeeded(1)).words == "1")
        #expect(try await Deferred<Int>.ensureDeferred { 2 }.value == 2)
        try own.callback(1)
    }

    // MARK: D21

    @Test("D21: a finished future is a Deferred's result at once; Twisted's is unfired until the next turn")
    func fromFinished() {
        #expect(Future<Int>.succeeded(1).deferred().words == "1")
        let oops = Oops()
        let failed = Future<Int>.failed(oops).deferred()
        #expect(failed.words == oops.words)
        failed.ignoreFailure()
    }

    @Test("D21: a future's outcome, and its cancellation, arrive in the pipeline")
    func fromFuture() {
        let promise = Promise<Int>()
        let deferred = promise.future.deferred().addCallback { $0 + 1 }
        promise.succeed(1)
        #expect(deferred.words == "2")
        let other = Promise<Int>()
        let cancelled = other.future.deferred()
        other.future.cancel()
        #expect(cancelled.words == "CancellationError")
    }

    @Test("D21, B8: cancelling the Deferred of a future cancels it, unless somebody else observes it")
    func cancelToFuture() {
        let calls = Log<Int>()
        let promise = Promise<Int>()
        promise.onCancel { calls.add(1) }
        promise.future.deferred().cancel()
        #expect(calls.count == 1 && promise.future.isCancelled)

        let shared = Promise<Int>()
        shared.future.callback { _ in }
        let deferred = shared.future.deferred()
        deferred.cancel()
        #expect(deferred.words == "CancellationError")
        #expect(!shared.future.isCompleted)
        shared.succeed(1)
    }

    @Test("D21: a value that a canceller produces during the cancellation is ignored by the one who left")
    func valueDuringCancel() throws {
        let promise = Promise<Int>()
        promise.onCancel { [weak promise] in promise?.succeed(5) }
        let deferred = promise.future.deferred()
        deferred.cancel()
        #expect(deferred.words == "CancellationError")

        let source = Deferred<Int> { try $0.callback(5) }
        let future = source.future()
        future.cancel()
        #expect(future.isCancelled)
        #expect(source.words == "5")
    }

    @Test("D21, B8: cancelling the future of a Deferred cancels it, if it is the last observer")
    func cancelToDeferred() async throws {
        let calls = Log<Int>()
        let deferred = Deferred<Int> { _ in calls.add(1) }
        let one = deferred.future()
        let two = deferred.future()
        one.cancel()
        #expect(one.isCancelled && calls.count == 0)
        two.cancel()
        #expect(two.isCancelled && calls.count == 1)
        keep(deferred)

        let awaitedOne = Deferred<Int> { _ in calls.add(2) }
        let task = Task { try await awaitedOne.value }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(await eventually { calls.all == [1, 2] })
    }

    @Test("T26: a future that was cancelled meanwhile throws nothing into the pipeline, whose stages see their result")
    func cancelledMeanwhile() async throws {
        let reports = ReportCollector(containing: "cancelled meanwhile")
        let stages = Log<String>()
        let deferred = Deferred<Int>("cancelled meanwhile")
        let future = deferred.future()
        // Twisted's asFuture and Tornado's convert_yielded set the result of a future that is done: InvalidStateError.
        deferred.record(in: stages, as: "behind ")
        let other = deferred.future()
        #expect(future.cancel() == .stopped)
        try deferred.callback(1)
        deferred.record(in: stages, as: "later ")
        #expect(stages.all == ["behind 1", "later 1"])
        #expect(words(other.outcome) == "1")
        #expect(await reports.settledReports().isEmpty)
    }

    @Test("T26: a cancellation goes from the future to the Deferred, and from the Deferred to the future")
    func bothWays() {
        let calls = Log<Int>()
        let source = Deferred<Int> { _ in calls.add(1) }
        let future = source.future()
        source.cancel()
        #expect(future.isCancelled && calls.all == [1])
        let promise = Promise<Int>()
        promise.onCancel { calls.add(2) }
        let deferred = promise.future.deferred()
        deferred.future().cancel()
        #expect(calls.all == [1, 2] && promise.future.isCancelled)
    }

    @Test("D21: an observer that leaves does not cancel what another Deferred waits for")
    func observerBesideHandOver() throws {
        let deferred = Deferred<Int>()
        let future = deferred.future()
        let text = deferred.then { "\($0)" }
        future.cancel()
        #expect(text.words == "pending")
        try deferred.callback(1)
        #expect(text.words == "1")
    }

    @Test(
        "D21, D29: futures and awaits take nothing away: the pipeline goes on with the result, every consumer sees it"
    )
    func twoConsumers() async throws {
        let deferred = Deferred<Int>()
        let before = deferred.future()
        deferred.addCallback { $0 + 1 }
        let behind = deferred.future()
        try deferred.callback(1)
        // Twisted's asFuture leaves None, and what one consumer adds the other one sees.
        #expect(words(before.outcome) == "1")
        #expect(words(behind.outcome) == "2")
        deferred.addCallback { $0 * 100 }
        #expect(words(behind.outcome) == "2")
        #expect(try await deferred.value == 200)
        #expect(try await onThread { try deferred.wait() } == 200)
    }

    @Test("D29: hasFired does not mean that there is a result, and the description says which it is")
    func firedIsNotDone() throws {
        let inner = Deferred<Int>()
        let outer = Deferred<Int>("page")
        #expect(outer.description.contains("unfired"))
        outer.addCallback { _ in inner }.addCallback { $0 }
        try outer.callback(1)
        #expect(outer.hasFired && outer.result == nil)
        #expect(outer.description.contains("page") && outer.description.contains("waiting for a Deferred"))
        #expect(outer.description.contains("1 stages to run"))
        try inner.callback(2)
        #expect(outer.description.contains("succeeded: 2"))
    }

    @Test("D21: an async function that is cancelled before it starts leaves one outcome and no second, unhandled error")
    func cancelBeforeStart() async {
        let reports = ReportCollector(containing: "mark/before-start")
        let deferred = Deferred<Int>.inlineCallbacks(fileID: "mark/before-start", line: 1) {
            try Task.checkCancellation()
            return 1
        }
        deferred.cancel()
        let outcome = await awaited(deferred)
        #expect(["1", "CancellationError"].contains(words(outcome)))
        #expect(await reports.settledReports().isEmpty)
    }
}
