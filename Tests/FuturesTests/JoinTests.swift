// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Testing

@Suite struct JoinTests {
    init() { Reports.install() }

    @Test("T6, C8: all keeps the order of its arguments, whatever order they complete in")
    func order() {
        let promises = (0..<4).map { _ in Promise<Int>.kept() }
        let all = Future.all(promises.map(\.future))
        for index in [2, 0, 3, 1] {
            #expect(all.words == "pending")
            promises[index].succeed(index)
        }
        #expect(all.words == "[0, 1, 2, 3]")
    }

    @Test("T6: joins of nothing are complete at once, with the same shape")
    func empty() {
        #expect(Future.all([Future<Int>]()).words == "[]")
        #expect(Future.all([Future<Int>](), failing: .afterAll).words == "[]")
        #expect(Future.allSettled([Future<Int>]()).isCompleted)
        #expect(Future.settled([Future<Int>]()).isCompleted)
        #expect(Future.all().isCompleted)
    }

    @Test("T6: the same future may be given twice")
    func duplicates() {
        let promise = Promise<Int>.kept()
        let all = Future.all([promise.future, promise.future])
        let pack = Future.all(promise.future, promise.future)
        promise.succeed(3)
        #expect(all.words == "[3, 3]")
        #expect(pack.words == "(3, 3)")
    }

    @Test("C8, T6: all shows the first failure early, the other inputs go on")
    func early() {
        let error = Oops()
        let promises = (0..<3).map { _ in Promise<Int>.kept() }
        let all = Future.all(promises.map(\.future))
        promises[1].fail(error)
        #expect(all.words == "oops \(error.id)")
        _ = all.observe { _ in }
        #expect(promises[0].future.words == "pending")
        promises[0].succeed(1)
        #expect(promises[0].future.words == "1")
        #expect(promises[2].future.words == "pending")
        promises[2].succeed(1)
    }

    @Test("T6: the other policy waits for all and fails with the first failure in argument order")
    func afterAll() {
        let errors = [Oops(), Oops()]
        for usesPack in [false, true] {
            let promises = (0..<3).map { _ in Promise<Int>.kept() }
            let futures = promises.map(\.future)
            let all =
                usesPack
                ? Future.all(futures[0], futures[1], futures[2], failing: .afterAll).map { _ in 0 }
                : Future.all(futures, failing: .afterAll).map { _ in 0 }
            promises[2].fail(errors[1])
            promises[1].fail(errors[0])
            #expect(all.words == "pending")
            promises[0].succeed(1)
            #expect(all.words == "oops \(errors[0].id)")
            _ = all.observe { _ in }
        }
    }

    @Test("C8: cancelling a join cancels every input that nobody else observes")
    func cancellingJoins() {
        let makers: [@Sendable ([Future<Int>]) -> CancellationAnswer] = [
            { Future.all($0).cancel() }, { Future.all($0, failing: .afterAll).cancel() },
            { Future.allSettled($0).cancel() }, { Future.race($0).cancel() }, { Future.any($0).cancel() },
            { Future.all($0[0], $0[1], $0[2]).cancel() }, { Future.allSettled($0[0], $0[1], $0[2]).cancel() },
            { Future.race($0[0], $0[1], $0[2]).cancel() }, { Future.any($0[0], $0[1], $0[2]).cancel() },
        ]
        for (number, cancel) in makers.enumerated() {
            let promises = (0..<3).map { _ in Promise<Int>.kept() }
            _ = promises[1].future.observe { _ in }
            #expect(cancel(promises.map(\.future)) == .stopped, "\(number)")
            #expect(promises.map(\.future.isCancelled) == [true, false, true], "\(number)")
        }
    }

    @Test("C8: an input that is cancelled ends the result, and the others go on")
    func cancelledInput() {
        let promises = (0..<2).map { _ in Promise<Int>.kept() }
        let all = Future.all(promises.map(\.future))
        promises[1].future.cancel()
        #expect(all.isCancelled)
        #expect(!promises[0].future.isCompleted)
    }

    @Test("C8: failures after the first are handed to the join and to the reporter, not reported as unobserved")
    func lateFailures() {
        let error = Oops()
        do {
            let promises = (0..<2).map { _ in Promise<Int>.kept() }
            _ = Future.all(promises.map(\.future)).observe { _ in }
            promises[0].fail(Oops())
            promises[1].fail(error)
        }
        let reports = Reports.failures(error)
        #expect(reports.count == 1)
        if case .secondaryFailure? = reports.first {} else { Issue.record("\(reports)") }
    }

    @Test("T6: packs join inputs of different types and styles, optionals too")
    func packs() async throws {
        let call = Call<String> { $0.succeed("text") }
        let none = Future.succeeded(Int?.none)
        let nested = Future.succeeded(Int??.some(.none))
        let joined = Future.all(Future.succeeded(1), call, Foreign(Future.succeeded(2.5)), none, nested)
        let (number, text, fraction, nothing, nothingAtAll) = try await joined.value
        #expect(number == 1 && text == "text" && fraction == 2.5 && nothing == nil)
        #expect(nothingAtAll == .some(.none))
        let error = Oops()
        let settled = try await Future.allSettled(Future.succeeded(1), Future<String>.failed(error)).value
        #expect(words(settled.0) == "1" && words(settled.1) == "oops \(error.id)")
    }

    @Test("T6, C2: allSettled gives every outcome in order and never fails")
    func allSettled() {
        let error = Oops()
        let promises = (0..<3).map { _ in Promise<Int>.kept() }
        let all = Future.allSettled(promises.map(\.future))
        promises[2].succeed(2)
        promises[0].fail(error)
        promises[1].future.cancel()
        #expect(try! all.outcome!.get().map { words($0) } == ["oops \(error.id)", "CancellationError", "2"])
    }

    @Test("T6: a join of thousands registers once at each input, leaves each once, and keeps their order")
    func many() {
        let count = scaled(20_000)
        let steps = Box(0)
        let promises = (0..<count).map { _ in Promise<Int>.kept() }
        let all = Future.all(promises.map { Counted($0.future, steps) })
        #expect(steps.value == count)
        for (index, promise) in promises.enumerated().reversed() { promise.succeed(index) }
        #expect(all.outcome.map { try? $0.get() } == Array(0..<count))
        #expect(steps.value == count)

        let left = Future.all((0..<count).map { _ in Counted(Promise<Int>.kept().future, steps) })
        left.cancel()
        #expect(left.isCancelled)
        #expect(steps.value == 3 * count)
    }

    @Test("B5: race and any of nothing fail with EmptyInput instead of never completing")
    func emptyRaces() {
        for future in [Future.race([Future<Int>]()), Future.any([Future<Int>]())] {
            #expect(future.words == "EmptyInput")
            _ = future.observe { _ in }
        }
        let first = Future.firstCompleted(of: [Future<Int>]())
        #expect(first.words == "EmptyInput")
        _ = first.observe { _ in }
    }

    @Test("C6: race gives the first outcome of any kind, leaves the losers and cancels those nobody else observes")
    func race() {
        for outcome in [Result<Int, any Error>.success(1), .failure(Oops()), .failure(CancellationError())] {
            let promises = (0..<3).map { _ in Promise<Int>.kept() }
            let kept = promises[2].future.map { $0 }
            let race = Future.race(promises.map(\.future))
            promises[1].complete(with: outcome)
            #expect(race.words == words(outcome))
            _ = race.observe { _ in }
            #expect(promises[0].future.isCancelled)
            #expect(!kept.isCompleted)
            #expect(promises[2].future._observers == 1)
            promises[2].succeed(3)
        }
    }

    @Test("C6: any gives the first success; a failed or cancelled input does not end it")
    func any() {
        let promises = (0..<4).map { _ in Promise<Int>.kept() }
        let any = Future.any(promises.map(\.future))
        promises[0].fail(Oops())
        promises[1].future.cancel()
        #expect(any.words == "pending")
        promises[2].succeed(2)
        #expect(any.words == "2")
        #expect(promises[3].future.isCancelled)
    }

    @Test("C6: when none succeeded, any fails with every error in the order of the inputs, or cancelled if all were")
    func anyFails() {
        let errors = [Oops(), Oops()]
        let promises = errors.map { _ in Promise<Int>.kept() }
        let any = Future.any(promises.map(\.future))
        promises[1].fail(errors[1])
        promises[0].fail(errors[0])
        guard case .failure(let error as AllFailed)? = any.outcome else {
            Issue.record("\(any)")
            return
        }
        #expect(error.errors.compactMap { $0 as? Oops } == errors)
        _ = any.observe { _ in }
        let cancelled = Promise<Int>.kept()
        cancelled.future.cancel()
        #expect(Future.any([cancelled.future, cancelled.future]).isCancelled)
    }

    @Test("C6: firstCompleted names the first, disturbs nobody and leaves no observer behind")
    func firstCompleted() {
        let promises = (0..<3).map { _ in Promise<Int>.kept() }
        let first = Future.firstCompleted(of: promises.map(\.future))
        promises[1].succeed(5)
        #expect(first.outcome.map { try? $0.get().key } == 1)
        #expect(promises.map(\.future._observers) == [0, 0, 0])
        #expect(promises[0].future.words == "pending")
        let again = Future.firstCompleted(of: [promises[0].future])
        #expect(again.cancel() == .stopped)
        #expect(promises[0].future._observers == 0 && !promises[0].future.isCompleted)
    }

    @Test("C6: waiting for the first, the first failure or all tells what is done and what is pending")
    func settled() throws {
        let loop = VirtualLoop()
        func result(_ condition: Future<Void>.WaitCondition, _ act: ([Promise<Int>]) -> Void) -> String {
            let promises = (0..<3).map { _ in Promise<Int>.kept() }
            let future = Future.settled(promises.map(\.future), until: condition, timeout: .seconds(1), on: loop)
            act(promises)
            defer { #expect(promises.map(\.future._observers) == [0, 0, 0]) }
            if !future.isCompleted { loop.pass(.seconds(1)) }
            let lists = try! future.outcome!.get()
            return "\(lists.done) \(lists.pending) \(loop.pendingTimers)"
        }
        #expect(result(.firstCompleted) { $0[1].succeed(1) } == "[1] [0, 2] 0")
        #expect(
            result(.firstFailure) {
                $0[0].future.cancel()
                $0[2].succeed(1)
            } == "[0, 2] [1] 0"
        )
        #expect(
            result(.firstFailure) {
                $0[2].fail(Oops()); $0[0].succeed(1)
            } == "[2] [0, 1] 0"
        )
        #expect(result(.allCompleted) { for promise in $0 { promise.succeed(1) } } == "[0, 1, 2] [] 0")
        #expect(result(.allCompleted) { $0[0].succeed(1) } == "[0] [1, 2] 0")
    }

    @Test("C6: a consumer of settled that leaves takes the timer and the observers with it")
    func settledIsLeft() {
        let loop = VirtualLoop()
        let promise = Promise<Int>.kept()
        let settled = Future.settled([promise.future], timeout: .seconds(1), on: loop)
        settled.observe { _ in }.cancel()
        #expect(settled.isCancelled)
        #expect(loop.pendingTimers == 0)
        #expect(promise.future._observers == 0)
        #expect(!promise.future.isCompleted)
    }

    @Test("C6: an input that is complete already decides at once, and a future given twice counts once")
    func settledAtOnce() {
        let promise = Promise<Int>.kept()
        let failed = Future<Int>.failed(Oops())
        let future = Future.settled([promise.future, failed, promise.future], until: .firstFailure)
        #expect(future.outcome.map { try? $0.get().done } == [1])
        #expect(promise.future._observers == 0)
        _ = failed.observe { _ in }
    }

    @Test("T6: every combinator registers exactly once at each input")
    func registersOnce() {
        let starts = Box(0)
        let call = Call<Int> { promise in
            starts.increment()
            promise.succeed(1)
        }
        let makers: [() -> Void] = [
            { _ = Future.all([call, call]) }, { _ = Future.all(call, call) }, { _ = Future.allSettled([call, call]) },
            { _ = Future.race([call, call]) }, { _ = Future.race(call, call) }, { _ = Future.any([call, call]) },
            { _ = Future.firstCompleted(of: [call, call]) }, { _ = Future.settled([call, call]) },
            { _ = Future.asCompleted([call, call]) },
        ]
        for make in makers {
            starts.value = 0
            make()
            #expect(starts.value == 2)
        }
    }
}

/// Counts what is asked of its source.
private struct Counted: Awaitable {
    let inner: Future<Int>
    let steps: Box<Int>

    init(_ inner: Future<Int>, _ steps: Box<Int>) {
        self.inner = inner
        self.steps = steps
    }

    func observe(_ observer: @escaping @Sendable (Result<Int, any Error>) -> Void) -> Registration {
        steps.increment()
        let registration = inner.observe(observer)
        return Registration {
            steps.increment()
            return registration.withdraw()
        } cancel: {
            steps.increment()
            return registration.cancel()
        }
    }
}
