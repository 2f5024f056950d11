// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Testing

@Suite struct CallTests {
    init() { Reports.install() }

    @Test("T3: nothing runs until a verb is used, and each verb starts the operation once")
    func eachVerbStartsOnce() async throws {
        let starts = Box(0)
        let call = Call<Int> { promise in
            starts.increment()
            promise.succeed(starts.value)
        }
        let prepared = call.map { $0 }.flatMap { Future.succeeded($0) }.timeout(.seconds(1)).retry(2).shielded
        #expect(starts.value == 0)
        #expect(call.future().words == "1")
        call.callback { _ in }
        _ = call.observe { _ in }
        #expect(try await call.value == 4)
        #expect(try await onThread { try call.wait() } == 5)
        #expect(try await prepared.value == 6)
        #expect(starts.value == 6)
        let shared = call.future()
        #expect(try await (shared.value, shared.value) == (7, 7))
    }

    @Test("T3: a call of an async function or of an awaitable starts that once for each verb")
    func otherCalls() async throws {
        let starts = Box(0)
        let async = Call(async: { () async throws -> Int in
            starts.increment()
            await Task.yield()
            return starts.value
        })
        let from = Call(from: { () -> Future<Int> in
            starts.increment()
            return .succeeded(starts.value)
        })
        #expect(starts.value == 0)
        #expect(try await async.value == 1)
        #expect(try await from.value == 2)
    }

    @Test("T3, T2: what a future can do with an outcome is prepared for each run, too")
    func transforms() async throws {
        let starts = Box(0)
        let failing = Call<Int> { promise in
            starts.increment()
            promise.fail(Oops())
        }
        let ended = Box(0)
        let recovered = failing.mapError { _ in TimedOut(after: .zero, waitingFor: "a test") }
            .ensure { ended.increment() }
            .recover { error in error is TimedOut ? 7 : 0 }
        #expect(starts.value == 0)
        #expect(try await recovered.value == 7)
        #expect(try await onThread { try recovered.wait() } == 7)
        #expect(starts.value == 2 && ended.value == 2)
        #expect(try await failing.recover(from: { _ in Call<Int> { $0.succeed(8) } }).value == 8)
        await #expect(throws: ValidationFailed.self) { try await recovered.validate { $0 > 7 }.value }
        let cancelled = Call<Int> { $0.fail(CancellationError()) }.recover { _ in 9 }
        await #expect(throws: CancellationError.self) { try await cancelled.value }
    }

    @Test("F12: a modified call goes by the label of its operation when it times out", arguments: 0..<6)
    func labels(_ modifier: Int) async throws {
        let loop = VirtualLoop()
        let kept = Box<Promise<Int>?>(nil)
        let call = Call<Int>("the long work") { promise in kept.value = promise }
        let modified = [
            call, call.map { $0 }, call.on(loop), call.shielded, call.inContext(ContextSnapshot()),
            call.timeout(.seconds(9)),
        ][modifier]
        let run = modified.future()
        try loop.runUntilIdle()
        let error = try await onThread { refusal { try run.wait(timeout: .zero) } }
        #expect(error.contains("\"the long work\""))
        run.cancel()
        kept.value?.tryComplete(.success(1))
        kept.value = nil
        loop.stop()
    }

    @Test("B5: a run whose callback is thrown away fails with BrokenPromise")
    func broken() async {
        let call = Call<Int>("legacy get") { _ in }
        await #expect(throws: BrokenPromise.self) { try await call.value }
        let error = await awaited(call)
        #expect("\(error)".contains("legacy get"))
        #if DEBUG
        #expect("\(error)".contains("CallTests.swift:\(#line - 5)"))
        #endif
    }

    @Test("B8, F5: each run belongs to its verb: leaving one cancels it, and no other")
    func runsAreSeparate() async {
        let promises = Log<Promise<Int>>()
        let call = Call<Int> { promises.add($0) }
        let first = call.observe { _ in }
        let second = call.future()
        #expect(first.cancel() == .stopped)
        #expect(promises.all[0].future.isCancelled)
        #expect(!second.isCompleted)
        let task = Task { try await call.value }
        #expect(await eventually { promises.count == 3 && promises.all[2].future._observers == 1 })
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(promises.all.map(\.future.isCancelled) == [true, false, true])
        promises.all[1].succeed(1)
    }

    @Test("T3: every verb stands on the run itself, with no second future between, also where the type is not known")
    func noSecondFuture() {
        let promises = Log<Promise<Int>>()
        let call = Call<Int> { promises.add($0) }
        func runs(_ source: some Awaitable<Int>) -> Future<Int> { source.future() }
        #expect(runs(call) === promises.all[0].future)
        #expect((call as any Awaitable<Int>).future() === promises.all[1].future)
        let loop = VirtualLoop()
        let registration = call.callback(on: loop) { _ in }
        #expect(promises.all[2].future._observers == 1)
        #expect(registration.cancel() == .stopped)
        #expect(promises.all[2].future.isCancelled)
        for promise in promises.all { promise.tryComplete(.success(1)) }
    }

    @Test("B8: a shielded call goes on without its consumers")
    func shielded() {
        let promises = Log<Promise<Int>>()
        let run = Call<Int> { promises.add($0) }.shielded.future()
        #expect(run.cancel() == .stopped)
        #expect(!promises.all[0].future.isCompleted)
        promises.all[0].succeed(1)
    }

    @Test("F3, B3: on(executor) starts the operation there and delivers there")
    func onExecutor() async throws {
        let loop = VirtualLoop()
        let places = Log<Bool>()
        let promises = Log<Promise<Int>>()
        let run = Call<Int> { promise in
            places.add(loop.isCurrent)
            promises.add(promise)
        }.on(loop).future()
        _ = run.observe { _ in places.add(loop.isCurrent) }
        #expect(promises.count == 0)
        try loop.runUntilIdle()
        try await onThread { promises.all[0].succeed(1) }
        try loop.runUntilIdle()
        #expect(run.words == "1")
        #expect(places.all == [true, true])
    }

    @Test("C10: a call on a loop that has closed fails with LoopClosed and is not started")
    func onClosed() {
        let loop = VirtualLoop()
        loop.stop()
        let starts = Box(0)
        let run = Call<Int> { _ in starts.increment() }.on(loop).future()
        #expect(run.words == "LoopClosed")
        #expect(starts.value == 0)
        _ = run.observe { _ in }
    }

    @Test("B7: a retry that fails synchronously a hundred thousand times needs no stack")
    func retryIsIterative() async throws {
        let count = scaled(100_000)
        let runs = try await onThread(stackBytes: 65536) { () -> Int in
            let runs = Box(0)
            let future = Call<Int> { promise in
                runs.increment()
                promise.fail(EmptyInput("nothing"))
            }.retry(count).future()
            _ = future.observe { _ in }
            return future.isCompleted ? runs.value : 0
        }
        #expect(runs == count)
    }
}
