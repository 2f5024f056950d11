// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Testing

@Suite struct CancellationTests {
    init() { Reports.install() }

    @Test("F9: cancelling a pending future without a canceller ends it cancelled at once")
    func withoutCanceller() {
        let promise = Promise<Int>.kept()
        let log = Log<String>()
        _ = promise.future.observe { log.add(words($0)) }
        #expect(promise.future.cancel() == .stopped)
        #expect(log.all == ["CancellationError"])
        #expect(promise.future.isCancelled)
    }

    @Test("F9: the canceller runs once, however often and from however many threads cancellation is asked for")
    func cancellerOnce() async throws {
        for _ in 0..<scaled(100) {
            let promise = Promise<Int>.kept()
            let calls = Box(0)
            promise.onCancel(answering: {
                calls.increment()
                return .tooLate
            })
            let gate = Gate(3)
            _ = try await Future.all(
                (0..<3).map { _ in
                    startThread {
                        gate.pass()
                        return promise.future.cancel()
                    }
                }
            ).value
            promise.future.cancel()
            #expect(calls.value == 1)
            promise.succeed(1)
        }
    }

    @Test("F5, F9: what the canceller completes stands")
    func cancellerCompletes() {
        let promise = Promise<Int>.kept()
        promise.onCancel { promise.succeed(7) }
        #expect(promise.future.cancel() == .tooLate)
        #expect(promise.future.words == "7")
        #expect(!promise.future.isCancelled)
    }

    @Test("F5: a source may refuse: the future stays pending and takes the outcome that comes")
    func cancellerRefuses() {
        let promise = Promise<Int>.kept()
        promise.onCancel(answering: { .tooLate })
        #expect(promise.future.cancel() == .tooLate)
        #expect(promise.future.words == "pending")
        promise.succeed(1)
        #expect(promise.future.words == "1")
    }

    @Test("F9: a canceller set after the cancellation runs at once, one set after another outcome never")
    func lateCanceller() {
        let log = Log<String>()
        let cancelled = Promise<Int>.kept()
        cancelled.future.cancel()
        cancelled.onCancel { log.add("cancelled") }
        let refused = Promise<Int>.kept()
        refused.onCancel(answering: { .tooLate })
        refused.future.cancel()
        refused.onCancel { log.add("refused before") }
        #expect(refused.future.isCancelled)
        let done = Promise<Int>.kept()
        done.succeed(1)
        done.onCancel { log.add("never") }
        let failed = Promise<Int>.kept()
        failed.fail(CancellationError())
        failed.onCancel { log.add("never") }
        #expect(log.all == ["cancelled", "refused before"])
    }

    @Test("F9: a canceller set while another thread cancels is not lost")
    func racingCanceller() async throws {
        for _ in 0..<scaled(500) {
            let promise = Promise<Int>.kept()
            let ran = Box(0)
            let gate = Gate(2)
            let future = promise.future
            _ = try await Future.all(
                startThread {
                    gate.pass()
                    promise.onCancel { ran.increment() }
                },
                startThread {
                    gate.pass()
                    future.cancel()
                    return true
                }
            ).value
            #expect(ran.value == 1)
            #expect(future.isCancelled)
        }
    }

    @Test("F9: the canceller is called with no lock held and may use the future in every way")
    func cancellerUsesItsFuture() async {
        let done = startThread { () -> [String] in
            let promise = Promise<Int>.kept()
            let future = promise.future
            let log = Log<String>()
            promise.onCancel {
                log.add("\(future.cancel())")
                _ = future.observe { log.add(words($0)) }
                log.add("\(future.description.contains("pending"))")
            }
            future.cancel()
            return log.all
        }
        #expect(await eventually { done.isCompleted })
        #expect(done.words == "[\"tooLate\", \"true\", \"CancellationError\"]")
    }

    @Test("F9, F11: completion drops the canceller and what it holds")
    func cancellerDropped() {
        let promise = Promise<Int>.kept()
        weak var held: Sentinel?
        do {
            let sentinel = Sentinel()
            held = sentinel
            promise.onCancel { sentinel.touch() }
        }
        #expect(held != nil)
        promise.succeed(1)
        #expect(held == nil)
    }

    @Test("F9: a canceller that drops the callback, and the promise with it, ends the future cancelled, not broken")
    func cancellerDropsPromise() {
        let holder = Box<Promise<Int>?>(Promise())
        let future = holder.value!.future
        holder.value!.onCancel { holder.value = nil }
        _ = future.observe { _ in }
        future.cancel()
        Drain.shared.flush()
        #expect(future.words == "CancellationError")
    }

    @Test("T2, C2: cancellation is an outcome like another in every derived future and combinator")
    func cancelledSource() async throws {
        let loop = VirtualLoop()
        let done = Promise<Int>.kept()
        done.future.cancel()
        for isLate in [true, false] {
            let promise = isLate ? done : Promise<Int>.kept()
            let source = promise.future
            let asked = Log<Int>()
            let results: [Future<Int>] = [
                source.map { $0 }, source.flatMap { Future.succeeded($0) }, source.mapError { _ in Oops() },
                source.recover { _ in
                    asked.add(1); return 0
                },
                source.recover(from: { _ in
                    asked.add(1); return Future.succeeded(0)
                }),
                source.ensure {}, source.validate { _ in true }, source.delay(.zero, on: loop), source.shielded,
                source.timeout(.seconds(1), on: loop), source.delivered(on: loop),
                Future.all([source, source]).map { $0.count }, Future.all(source, Future.succeeded(1)).map { $0.0 },
                Future.all([source], failing: .afterAll).map { $0.count }, Future.race([source]), Future.any([source]),
                Call(from: { source }).future(), Call(from: { source }).retry(3).future(),
                Call(from: { source }).shielded.future(), Call(from: { source }).on(loop).future(),
            ]
            let settled = Future.allSettled([source])
            let first = Future.firstCompleted(of: [source])
            promise.future.cancel()
            promise.tryComplete(.failure(CancellationError()))
            try loop.runUntilIdle()
            for (index, result) in results.enumerated() {
                #expect(result.words == "CancellationError", "combinator \(index)")
                #expect(result.isCancelled, "combinator \(index)")
            }
            #expect(asked.count == 0)
            #expect(words(try? settled.outcome?.get()[0]) == "CancellationError")
            #expect(words(try? first.outcome?.get().outcome) == "CancellationError")
        }
        #expect(loop.pendingTimers == 0)
    }

    @Test("T2: following another future does nothing to one that is done")
    func followingWhenDone() {
        let promise = Promise<Int>.kept("T2")
        promise.succeed(1)
        let source = Promise<Int>.kept()
        promise.complete(from: source.future)
        #expect(source.future._observers == 0)
        source.succeed(2)
        #expect(promise.future.words == "1")
    }

    @Test("B8, T2: cancelling a derived future walks to the canceller at the source, through every kind of step")
    func walksToTheSource() {
        let loop = VirtualLoop()
        let steps: [(String, @Sendable (Future<Int>) -> Future<Int>)] = [
            ("map", { $0.map { $0 } }), ("flatMap", { $0.flatMap { Future.succeeded($0) } }),
            ("mapError", { $0.mapError { $0 } }), ("recover", { $0.recover { _ in 0 } }), ("ensure", { $0.ensure {} }),
            ("validate", { $0.validate { _ in true } }), ("delay", { $0.delay(.seconds(1), on: loop) }),
            ("timeout", { $0.timeout(.seconds(1), on: loop) }), ("delivered", { $0.delivered(on: loop) }),
            ("all", { Future.all([$0]).map { $0[0] } }), ("pack", { Future.all($0, Future.succeeded(1)).map { $0.0 } }),
            ("race", { Future.race([$0]) }), ("any", { Future.any([$0]) }),
            (
                "adopt",
                { source in
                    let promise = Promise<Int>.kept()
                    promise.complete(from: source)
                    return promise.future
                }
            ),
            ("call", { source in Call(from: { source }).future() }),
            ("foreign", { Foreign($0).future() }),
        ]
        for (name, step) in steps {
            let promise = Promise<Int>.kept()
            let calls = Box(0)
            promise.onCancel { calls.increment() }
            let derived = step(step(promise.future))
            #expect(derived.cancel() == .stopped, "\(name)")
            #expect(calls.value == 1, "\(name)")
            #expect(derived.isCancelled, "\(name)")
            #expect(promise.future.isCancelled, "\(name)")
        }
        #expect(loop.pendingTimers == 0)
        #expect(loop.pendingClosers == 0)
    }

    @Test("B8, C9: shielded protects the source and not the caller")
    func shielded() {
        let promise = Promise<Int>.kept()
        let shielded = promise.future.shielded
        #expect(shielded.cancel() == .stopped)
        #expect(shielded.isCancelled)
        #expect(promise.future.words == "pending")
        let other = promise.future.observe { _ in }
        #expect(other.cancel() == .stopped)
        #expect(promise.future.words == "pending")
        promise.succeed(1)
        #expect(promise.future.words == "1")
    }

    @Test("F5: one of several consumers that is cancelled only leaves; the last one to leave cancels the source")
    func lastOneLeaves() {
        let promise = Promise<Int>.kept()
        let calls = Box(0)
        promise.onCancel { calls.increment() }
        let registrations = (0..<3).map { _ in promise.future.observe { _ in } }
        let derived = promise.future.map { $0 }
        #expect(registrations[0].cancel() == .stopped)
        #expect(derived.cancel() == .stopped)
        #expect(registrations[2].cancel() == .stopped)
        #expect(calls.value == 0)
        #expect(promise.future._observers == 1)
        #expect(registrations[1].cancel() == .stopped)
        #expect(calls.value == 1)
        #expect(promise.future.isCancelled)
    }

    @Test("F5: withdrawing never cancels, also not by the last one")
    func withdrawingNeverCancels() {
        let promise = Promise<Int>.kept()
        #expect(promise.future.observe { _ in }.withdraw())
        #expect(promise.future.words == "pending")
        promise.succeed(1)
    }

    @Test("B8, C9: a cancellation that comes between two steps stops the second one")
    func betweenSteps() {
        let first = Promise<Int>.kept()
        first.onCancel(answering: { .tooLate })
        let second = Promise<Int>.kept()
        let chain = first.future.flatMap { _ in second.future }
        #expect(chain.cancel() == .tooLate)
        first.succeed(1)
        #expect(second.future.isCancelled)
        #expect(chain.isCancelled)
    }

    @Test("B8: a cancelled future lets go of the step it would have run")
    func stepIsDropped() {
        let promise = Promise<Int>.kept()
        weak var held: Sentinel?
        var results: [Future<Int>] = []
        do {
            let sentinel = Sentinel()
            held = sentinel
            results = [
                promise.future.map {
                    sentinel.touch(); return $0
                },
                promise.future.flatMap {
                    sentinel.touch(); return Future.succeeded($0)
                },
            ]
        }
        for result in results { result.cancel() }
        #expect(held == nil)
        #expect(results.allSatisfy { $0.isCancelled })
    }

    @Test("K4: a cancellation sent right after the start still lands")
    func rightAfterTheStart() throws {
        let loop = VirtualLoop()
        let started = Box(0)
        let run = Call<Int> { promise in started.increment() }.on(loop).future()
        #expect(run.cancel() == .stopped)
        try loop.runUntilIdle()
        #expect(started.value == 0)
        #expect(run.isCancelled)
    }
}

/// A third party's awaitable: nothing but the one requirement.
struct Foreign<Success: Sendable>: Awaitable {
    let inner: Future<Success>
    init(_ inner: Future<Success>) { self.inner = inner }
    func observe(_ observer: @escaping @Sendable (Result<Success, any Error>) -> Void) -> Registration {
        inner.observe(observer)
    }
}
