// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Synchronization
import Testing

@Suite struct AwaitTests {
    init() { Reports.install() }

    @Test("T5: awaiting something complete neither suspends nor changes the executor, also through any Awaitable")
    func noSuspension() async throws {
        let executor = CountingExecutor()
        let counts = try await Task(executorPreference: executor) { () -> [Int] in
            let future = Future.succeeded(1)
            let opaque: any Awaitable<Int> = future
            let before = executor.count
            var sum = 0
            for _ in 0..<100 {
                sum += try await future.value
                sum += try await opaque.value
            }
            return [executor.count - before, sum]
        }.value
        #expect(counts == [0, 200])
    }

    @Test("T5: awaiting something pending costs one enqueue on the caller's executor")
    func oneEnqueue() async throws {
        let executor = CountingExecutor()
        let promise = Promise<Int>.kept()
        let started = Box(false)
        let task = Task(executorPreference: executor) { () -> Int in
            let before = executor.count
            started.value = true
            _ = try await promise.future.value
            return executor.count - before
        }
        #expect(await eventually { started.value && promise.future._observers == 1 })
        promise.succeed(1)
        #expect(try await task.value == 1)
    }

    @Test("F10: awaiting resumes on the caller's actor")
    @MainActor func resumesOnActor() async throws {
        let promise = Promise<Int>.kept()
        _ = startThread {
            spin { promise.future._observers == 1 }
            promise.succeed(1)
        }
        #expect(try await promise.future.value == 1)
        MainActor.assertIsolated()
    }

    @Test("F10: tasks that await are resumed with value, error or cancellation, any number of them")
    func allOutcomes() async {
        for outcome in [Result<Int, any Error>.success(1), .failure(Oops()), .failure(CancellationError())] {
            let promise = Promise<Int>.kept()
            let tasks = (0..<5).map { _ in Task { await awaited(promise.future) } }
            #expect(await eventually { promise.future._observers == 5 })
            promise.complete(with: outcome)
            for task in tasks { #expect(words(await task.value) == words(outcome)) }
        }
    }

    @Test("B8, C9: a task that is cancelled leaves at once; the source is cancelled with its last consumer only")
    func taskCancellation() async {
        let promise = Promise<Int>.kept()
        let calls = Box(0)
        promise.onCancel { calls.increment() }
        let tasks = (0..<2).map { _ in Task { try await promise.future.value } }
        #expect(await eventually { promise.future._observers == 2 })
        tasks[0].cancel()
        await #expect(throws: CancellationError.self) { try await tasks[0].value }
        #expect(calls.value == 0)
        tasks[1].cancel()
        await #expect(throws: CancellationError.self) { try await tasks[1].value }
        #expect(calls.value == 1)
        #expect(promise.future.isCancelled)
    }

    @Test("C9: a task cancelled before it awaits gets what is there, or leaves what is pending")
    func cancelledBefore() async throws {
        let promise = Promise<Int>.kept()
        let task = Task { () -> String in
            unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
            let there = try await Future.succeeded(1).value
            let pending = await awaited(promise.future)
            return "\(there) \(words(pending))"
        }
        #expect(try await task.value == "1 CancellationError")
        #expect(promise.future.isCancelled)
    }

    @Test("C9, C12: completion and cancellation race: the awaiting task ends once, with the one or the other")
    func race() async throws {
        for _ in 0..<scaled(500) {
            let promise = Promise<Int>.kept()
            let task = Task { try await promise.future.value }
            let gate = Gate(2)
            _ = try await Future.all(
                startThread {
                    gate.pass(); promise.tryComplete(.success(1))
                },
                startThread {
                    gate.pass(); task.cancel()
                }
            ).value
            let result = await task.result
            #expect(["1", "CancellationError"].contains(words(result.mapError { $0 })))
        }
    }

    @Test("B8: cancelling Future { … } cancels its task; the outcome is the task's, value, error or cancellation")
    func futureOfAsync() async throws {
        let started = Box(0)
        let obeys = Future<Int> {
            started.increment()
            return try await Promise<Int>.endless.future.value
        }
        let ignores = Future<Int> {
            started.increment()
            while !Task.isCancelled { await Task.yield() }
            return 7
        }
        #expect(await eventually { started.value == 2 })
        #expect(ignores.cancel() == .tooLate)
        _ = obeys.cancel()
        await #expect(throws: CancellationError.self) { try await obeys.value }
        #expect(obeys.isCancelled)
        #expect(try await ignores.value == 7)
    }

    @Test("B8, T4: a Task is an awaitable: all verbs, cancelled through its future, cancelled by itself")
    func taskAsAwaitable() async throws {
        func verbs(_ source: some Awaitable<Int>) async throws -> Int { try await source.value }
        let error = Oops()
        #expect(try await verbs(Task { 1 }) == 1)
        await #expect(throws: error) { _ = try await verbs(Task { () async throws -> Int in throw error }) }
        let log = Log<String>()
        Task<Int, any Error> { 3 }.callback { log.add(words($0)) }
        #expect(await eventually { log.all == ["3"] })

        let endless = Task { try await Promise<Int>.endless.future.value }
        let future = endless.future()
        // The answer says whether the task has obeyed already.
        _ = future.cancel()
        await #expect(throws: CancellationError.self) { try await future.value }
        #expect(endless.isCancelled)

        let own = Task { try await Promise<Int>.endless.future.value }
        let copy = own.future()
        own.cancel()
        #expect(await eventually { copy.isCancelled })
    }

    @Test("B8, F5: a task is cancelled by itself and by its future, and by nobody who leaves it")
    func leavingATask() async throws {
        let release = Promise<Int>.kept()
        let task = Task { try await release.future.shielded.value }
        #expect(task.observe { _ in }.cancel() == .stopped)
        let future = task.future()
        #expect(future.observe { _ in }.cancel() == .stopped)
        #expect(future.map { $0 }.cancel() == .stopped)
        let race = Future.race([task.future(), Future.succeeded(0)])
        #expect(race.words == "0")
        let waiting = startThread { try task.wait(timeout: .milliseconds(1)) }
        await #expect(throws: TimedOut.self) { try await waiting.value }
        #expect(!task.isCancelled)
        release.succeed(5)
        #expect(try await future.value == 5)
        #expect(try await task.value == 5)
    }

    @Test("A+2.3.3, T4: a third party's awaitable, with nothing but observe, has every verb and both directions")
    func foreign() async throws {
        let promise = Promise<Int>.kept()
        let foreign = Foreign(promise.future)
        let log = Log<String>()
        foreign.callback { log.add(words($0)) }
        let derived = foreign.future().map { $0 + 1 }
        let task = Task { try await foreign.value }
        let waiter = startThread { try foreign.wait() }
        #expect(await eventually { promise.future._observers == 4 })
        promise.succeed(1)
        #expect(try await task.value == 1)
        #expect(try await waiter.value == 1)
        #expect(log.all == ["1"] && derived.words == "2")
        #expect(try await foreign.value == 1)

        let other = Promise<Int>.kept()
        let cancelled = Task { try await Foreign(other.future).value }
        #expect(await eventually { other.future._observers == 1 })
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        #expect(other.future.isCancelled)
    }
}

/// Counts what is given to it, and runs it on the global executor's threads.
final class CountingExecutor: TaskExecutor, Sendable {
    private let enqueued = Atomic(0)
    private let queue = Drain.shared

    var count: Int { enqueued.load(ordering: .relaxed) }

    func enqueue(_ job: consuming ExecutorJob) {
        enqueued.add(1, ordering: .relaxed)
        let job = UnownedJob(job)
        queue.post { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
