// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Testing

@Suite struct CompletionTests {
    init() { Reports.install() }

    @Test("F1: observers are called with no lock held, so one may use its own future in every way")
    func observerUsesItsFuture() {
        let promise = Promise<Int>.kept()
        let future = promise.future
        let log = Log<String>()
        let later = future.map { $0 + 1 }
        let other = future.observe { _ in log.add("other") }
        _ = future.observe { _ in
            log.add("done \(future.isCompleted)")
            log.add("withdraw \(other.withdraw()) \(other.cancel())")
            log.add("cancel \(future.cancel()) \(later.cancel())")
            log.add("complete \(promise.tryComplete(.success(2)))")
            log.add("description \(future.description.isEmpty)")
            _ = future.observe { _ in log.add("added") }
        }
        promise.succeed(1)
        #expect(
            log.all == [
                "other", "done true", "withdraw false tooLate", "cancel tooLate tooLate", "complete false",
                "description false", "added",
            ]
        )
        #expect(later.words == "2")
    }

    @Test("F1: an observer that is withdrawn is destroyed with no lock held")
    func destroyedOutsideOfTheLock() async throws {
        // Were the lock held, the sentinel's own look at the future would never end; on a thread the test can tell.
        let done = startThread { () -> Bool in
            let promise = Promise<Int>.kept()
            let seen = Box("")
            func observed() -> Registration {
                let sentinel = Sentinel { seen.value = promise.future.description }
                return promise.future.observe { _ in sentinel.touch() }
            }
            observed().withdraw()
            return seen.value.contains("pending")
        }
        #expect(await eventually { done.isCompleted }, "the lock is held while an observer is destroyed")
        #expect(done.words == "true")
    }

    @Test("F1: a canceller that is replaced is destroyed with no lock held")
    func replacedCanceller() async {
        let done = startThread { () -> Bool in
            let promise = Promise<Int>.kept()
            let seen = Box("")
            func set() {
                let sentinel = Sentinel { seen.value = promise.future.description }
                promise.onCancel { sentinel.touch() }
            }
            set()
            promise.onCancel {}
            return seen.value.contains("pending")
        }
        #expect(await eventually { done.isCompleted }, "the lock is held while a canceller is destroyed")
        #expect(done.words == "true")
    }

    @Test("F4, B1: complete on a finished promise changes nothing and is reported with both places")
    func completedTwice() throws {
        let promise = Promise<Int>.kept("F4 twice")
        promise.succeed(1)
        let firstLine = #line - 1
        promise.succeed(2)
        let secondLine = #line - 1
        #expect(promise.future.words == "1")
        let reports = Reports.completedTwice("F4 twice")
        #expect(reports.count == 1)
        guard case .completedTwice(_, let created, let first, let second)? = reports.first else { return }
        #expect(Int(second.line) == secondLine)
        #if DEBUG
        #expect(first.map { Int($0.line) } == firstLine)
        #expect(created.map { Int($0.line) } == firstLine - 1)
        #expect(reports[0].description.contains("CompletionTests.swift:\(firstLine)"))
        #else
        #expect(first == nil && created == nil && firstLine > 0)
        #endif
        #expect(reports[0].description.contains("F4 twice"))
    }

    @Test("F4, B1: fail, complete(with:) and complete(from:) on a finished promise are reported too")
    func completedTwiceInOtherWays() {
        let promise = Promise<Int>.kept("F4 others")
        promise.complete(with: .success(1))
        promise.fail(Oops())
        promise.complete(with: .success(2))
        promise.complete(from: Future.succeeded(3))
        #expect(promise.future.words == "1")
        #expect(Reports.completedTwice("F4 others").count == 3)
    }

    @Test(
        "F4, B1: a result whose error type is known completes a promise like any other, and is reported like any other"
    )
    func typedErrors() {
        let error = Oops()
        let failure: Result<Int, Oops> = .failure(error)
        let value: Result<Int, Never> = .success(3)
        let first = Promise<Int>.kept("F4 typed")
        #expect(first.tryComplete(failure) && !first.tryComplete(value))
        #expect(first.future.words == "oops \(error.id)")
        first.complete(with: value)
        let second = Promise<Int>.kept("F4 typed")
        second.complete(with: value)
        second.complete(with: failure)
        #expect(second.future.words == "3")
        let places = Reports.completedTwice("F4 typed").map { report in
            guard case .completedTwice(_, _, _, let second) = report else { return "" }
            return "\(second)"
        }
        #expect(places.count == 2 && places.allSatisfy { $0.contains("CompletionTests.swift") })
        // Literals and what throws anything are as they were.
        let other = Promise<Int>.kept()
        #expect(other.tryComplete(.failure(error)) && !other.tryComplete(Result { try failure.get() }))
        #expect(other.future.words == "oops \(error.id)")
    }

    @Test("F8, B1: a second completion from inside an observer already names the first place")
    func completedTwiceInside() {
        let promise = Promise<Int>.kept("F8 inside")
        _ = promise.future.observe { _ in promise.succeed(2) }
        promise.succeed(1)
        guard case .completedTwice(_, _, let first, _)? = Reports.completedTwice("F8 inside").first else {
            Issue.record("not reported")
            return
        }
        #if DEBUG
        #expect(first.map { Int($0.line) } == #line - 6)
        #else
        #expect(first == nil)
        #endif
    }

    @Test("F4: tryComplete tells the producer that came second, and nobody else")
    func tryComplete() {
        let promise = Promise<Int>.kept("F4 try")
        #expect(promise.tryComplete(.success(1)))
        #expect(!promise.tryComplete(.success(2)))
        #expect(!promise.tryComplete(.failure(Oops())))
        #expect(promise.future.words == "1")
        #expect(Reports.completedTwice("F4 try").isEmpty)
    }

    @Test("F7, A+2.3.2: an adopting future is moved only by what it adopted; other attempts lose")
    func adoptingRefuses() {
        let source = Promise<Int>.kept()
        let promise = Promise<Int>.kept("F7")
        promise.complete(from: source.future)
        #expect(!promise.tryComplete(.success(1)))
        promise.fail(Oops())
        promise.complete(from: Future.succeeded(2))
        #expect(promise.future.words == "pending")
        source.succeed(3)
        #expect(promise.future.words == "3")
        #expect(Reports.completedTwice("F7").count == 2)
    }

    @Test("F8, C12: of many threads that complete, fail, cancel and adopt at once, one wins and all see its outcome")
    func oneWinner() async throws {
        for round in 0..<scaled(300) {
            let promise = Promise<Int>.kept()
            let future = promise.future
            let calls = Log<String>()
            for _ in 0..<2 { _ = future.observe { calls.add(words($0)) } }
            let gate = Gate(4)
            let answers = try await Future.all([
                startThread { answer(gate) { promise.tryComplete(.success(1)) } },
                startThread { answer(gate) { promise.tryComplete(.failure(Oops())) } },
                startThread { answer(gate) { future._adopt(.succeeded(round)) } },
                startThread { answer(gate) { future.cancel() == .stopped } },
            ]).value
            #expect(answers.count { $0 } == 1 || (future.isCancelled && answers[2] && answers[3]))
            #expect(await eventually { calls.count == 2 })
            #expect(Set(calls.all) == [future.words])
        }
    }

    @Test("F12: the description says state, kind of outcome, and what a pending future waits for")
    func descriptions() {
        let promise = Promise<Int>.kept("the root")
        let derived = promise.future.map { $0 }.map { $0 }.map { "\($0)" }
        #expect(derived.description.contains("Future<String>"))
        #expect(derived.description.contains("pending"))
        #expect(derived.description.contains("\"the root\""))
        #expect(derived.description.contains("3 steps up"))
        #if DEBUG
        #expect(derived.description.contains("CompletionTests.swift:\(#line - 6)"))
        #endif
        #expect(Future.succeeded(7).description == "Future(succeeded: 7)")
        let failed = Future<Int>.failed(EmptyInput("x"))
        #expect(failed.description.contains("failed: EmptyInput"))
        _ = failed.callback { _ in }
        let cancelled = Promise<Int>.kept()
        cancelled.future.cancel()
        #expect(cancelled.future.description == "Future(cancelled)")
    }

    @Test("A+2.1: a second settlement, at once, later or mixed, changes neither kind nor value", arguments: 0..<4)
    func finalOutcome(_ kind: Int) async throws {
        let promise = Promise<[Int]>()
        let future = promise.future
        let seen = Log<String>()
        _ = future.observe { seen.add(words($0)) }
        let error = Oops()
        promise.tryComplete(kind < 2 ? .success([1]) : .failure(error))
        let before = future.words
        promise.tryComplete(kind % 2 == 0 ? .success([2]) : .failure(Oops()))
        _ = try await onThread { promise.tryComplete(.success([3])) }
        #expect(future.cancel() == .tooLate)
        #expect(future.words == before)
        #expect(seen.all == [before])
    }

    @Test(
        "C1: cancelling answers yes while pending and once cancelled, no when finished; later outcomes change nothing"
    )
    func cancellingAnswers() {
        let promise = Promise<Int>.kept()
        #expect(promise.future.cancel() == .stopped)
        #expect(promise.future.cancel() == .stopped)
        #expect(!promise.tryComplete(.success(1)))
        #expect(promise.future.words == "CancellationError")
        let finished = Future.succeeded(1)
        #expect(finished.cancel() == .tooLate)
        #expect(finished.words == "1")
    }

    @Test("T1: one completion after an accepted cancellation is swallowed; a second one is reported")
    func lateCompletion() {
        let promise = Promise<Int>.kept("T1")
        promise.future.cancel()
        promise.succeed(1)
        #expect(Reports.completedTwice("T1").isEmpty)
        promise.succeed(2)
        #expect(Reports.completedTwice("T1").count == 1)
    }

    @Test("T1: a producer that fails with CancellationError by itself is not forgiven a second completion")
    func ownCancellationError() {
        let promise = Promise<Int>.kept("T1 own")
        promise.fail(CancellationError())
        #expect(promise.future.isCancelled)
        promise.succeed(2)
        #expect(Reports.completedTwice("T1 own").count == 1)
    }

    @Test("F5: a value that comes after the cancellation goes to the dispose hook, each one, and nothing else does")
    func disposal() {
        let disposed = Log<Int>()
        let promise = Promise<Int>.kept("F5 disposal")
        promise.onDispose { disposed.add($0) }
        promise.future.cancel()
        promise.fail(Oops())
        promise.tryComplete(.success(1))
        promise.succeed(2)
        #expect(disposed.all == [1, 2])
        let delivered = Promise<Int>.kept()
        delivered.onDispose { disposed.add($0) }
        delivered.succeed(3)
        #expect(disposed.all == [1, 2])
    }

    @Test("F5: a value too late for all who have left by cancelling goes to the dispose hook, unless somebody takes it")
    func lateDisposal() async {
        let disposed = Log<Int>()
        func leftBehind(_ value: Int, taking: Bool) {
            let promise = Promise<Int>("F5 late disposal")
            promise.onDispose { disposed.add($0) }
            promise.onCancel(answering: { .tooLate })
            let registration = promise.future.observe { _ in disposed.add(-value) }
            #expect(registration.cancel() == .stopped)
            promise.succeed(value)
            if taking { #expect(promise.future.outcome.map { try? $0.get() } == value) }
            if taking { promise.future.callback { disposed.add((try? $0.get() + 10) ?? -1) } }
        }
        leftBehind(1, taking: true)
        #expect(disposed.all == [11])
        leftBehind(2, taking: false)
        #expect(await eventually { disposed.all.count == 2 })
        #expect(disposed.all == [11, 2])
    }

    @Test("F5, B8: what a cancelled promise is told to follow is cancelled, and its value disposed of")
    func lateAdoption() {
        let disposed = Log<Int>()
        let promise = Promise<Int>.kept("F5 late adoption")
        promise.onDispose { disposed.add($0) }
        promise.future.cancel()
        let source = Promise<Int>.kept()
        promise.complete(from: source.future)
        #expect(source.future.isCancelled)
        let other = Promise<Int>.kept("F5 late adoption 2")
        other.onDispose { disposed.add($0) }
        other.future.cancel()
        other.complete(from: Future.succeeded(4))
        #expect(disposed.all == [4])
        #expect(Reports.completedTwice("F5 late adoption").isEmpty)
    }
}

private func answer(_ gate: Gate, _ body: () -> Bool) -> Bool {
    gate.pass()
    return body()
}

/// Lets threads start together.
final class Gate: Sendable {
    private let missing: Box<Int>
    init(_ count: Int) { missing = Box(count) }
    func pass() {
        missing.decrement()
        spin { missing.value <= 0 }
    }
}

extension Box where Value == Int {
    func decrement() { change { $0 -= 1 } }
    func increment() { change { $0 += 1 } }
}
