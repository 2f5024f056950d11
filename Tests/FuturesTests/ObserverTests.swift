// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Testing

@Suite struct ObserverTests {
    init() { Reports.install() }

    @Test("F2, B9, A+2.2.6: observers run A B C, also when A adds C while B is queued")
    func firstInFirstOut() {
        let promise = Promise<Int>.kept()
        let future = promise.future
        let log = Log<String>()
        _ = future.observe { _ in
            log.add("A")
            _ = future.observe { _ in log.add("C") }
            log.add("A ends")
        }
        _ = future.observe { _ in log.add("B") }
        promise.succeed(1)
        #expect(log.all == ["A", "A ends", "B", "C"])
    }

    @Test("F2: what an observer sets off waits for its turn on the same trampoline, in order")
    func neverNested() {
        let first = Promise<Int>.kept()
        let second = Promise<Int>.kept()
        let log = Log<String>()
        _ = second.future.observe { _ in log.add("second") }
        _ = first.future.observe { _ in
            log.add("A")
            second.succeed(2)
            _ = Future.succeeded(3).observe { _ in log.add("third") }
            _ = second.future.observe { _ in log.add("second, late") }
            log.add("A ends")
        }
        _ = first.future.observe { _ in log.add("B") }
        first.succeed(1)
        #expect(log.all == ["A", "A ends", "B", "second", "third", "second, late"])
    }

    @Test("F2: steps of derived futures are not nested in observers either")
    func derivedStepsAreNotNested() {
        let log = Log<String>()
        let done = Future.succeeded(1)
        _ = done.observe { _ in
            log.add("A")
            _ = done.map { _ in log.add("map") }
            _ = done.flatMap { value -> Future<Int> in
                log.add("flatMap")
                return .succeeded(value)
            }
            log.add("A ends")
        }
        #expect(log.all == ["A", "A ends", "map", "flatMap"])
    }

    @Test("F10, C4: nodes, callbacks and blocked threads are one line, whatever their kinds and order of adding")
    func oneLine() {
        for order in 0..<4 {
            let promise = Promise<Int>.kept()
            let log = Log<Int>()
            var derived: [Future<Void>] = []
            for position in 0..<6 {
                if (order >> (position % 2)) & 1 == 0 {
                    _ = promise.future.observe { _ in log.add(position) }
                } else {
                    derived.append(promise.future.map { _ in log.add(position) })
                }
            }
            promise.succeed(1)
            #expect(log.all == Array(0..<6))
        }
    }

    @Test("C4: the same closure added twice runs twice")
    func twice() {
        let promise = Promise<Int>.kept()
        let log = Log<Int>()
        let observer: @Sendable (Result<Int, any Error>) -> Void = { _ in log.add(1) }
        _ = promise.future.observe(observer)
        _ = promise.future.observe(observer)
        promise.succeed(1)
        #expect(log.count == 2)
    }

    @Test("C4: each observer can be withdrawn by its registration, once, and the others keep their order")
    func withdrawing() {
        for leaving in 0..<5 {
            let promise = Promise<Int>.kept()
            let log = Log<Int>()
            let registrations = (0..<5).map { index in promise.future.observe { _ in log.add(index) } }
            #expect(registrations[leaving].withdraw())
            #expect(!registrations[leaving].withdraw())
            #expect(registrations[leaving].cancel() == .tooLate)
            #expect(promise.future._observers == 4)
            promise.succeed(1)
            #expect(log.all == (0..<5).filter { $0 != leaving })
        }
    }

    @Test("C4: a withdrawal while the observers run answers truly: no, and the observer is called")
    func withdrawingWhileRunning() {
        let promise = Promise<Int>.kept()
        let log = Log<String>()
        let second = Box(Registration.spent)
        _ = promise.future.observe { _ in log.add("\(second.value.withdraw())") }
        second.value = promise.future.observe { _ in log.add("second") }
        promise.succeed(1)
        #expect(log.all == ["false", "second"])
    }

    @Test("C4: the registration of an observer that was called at once is spent")
    func spent() {
        let registration = Future.succeeded(1).observe { _ in }
        #expect(!registration.withdraw())
        #expect(registration.cancel() == .tooLate)
    }

    @Test("A+2.2.6: an observer that throws is reported and does not stop the rest")
    func throwingObserver() {
        let promise = Promise<Int>.kept()
        let error = Oops()
        let log = Log<Int>()
        promise.future.callback { _ in throw error }
        promise.future.callback { _ in log.add(2) }
        promise.succeed(1)
        #expect(log.all == [2])
        #expect(Reports.failures(error).count == 1)
    }

    @Test("A+2.2.2, A+2.2.3: handlers are called once, after completion, with the outcome of their kind")
    func calledOnce() {
        let log = Log<String>()
        let error = Oops()
        for fails in [false, true] {
            let promise = Promise<Int>.kept()
            let mapped = promise.future.map { value in log.add("value \(value)") }
            let recovered = promise.future.recover { _ in
                log.add("error")
                return 0
            }
            #expect(log.count == (fails ? 1 : 0))
            promise.complete(with: fails ? .failure(error) : .success(5))
            promise.tryComplete(.success(6))
            #expect(recovered.words == (fails ? "0" : "5"))
            #expect(mapped.isCompleted)
            _ = mapped.observe { _ in }
        }
        #expect(log.all == ["value 5", "error"])
    }

    @Test("F3, A+2.2.4, B3: a callback on an executor starts on a clean stack there, also if the future is complete")
    func onExecutor() throws {
        let loop = VirtualLoop()
        let log = Log<String>()
        let pending = Promise<Int>.kept()
        Future.succeeded(1).callback(on: loop) { _ in log.add("done \(loop.isCurrent)") }
        pending.future.callback(on: loop) { _ in log.add("pending \(loop.isCurrent)") }
        pending.succeed(2)
        #expect(log.all.isEmpty)
        try loop.runUntilIdle()
        #expect(log.all == ["done true", "pending true"])
    }

    @Test("A+2.2.4: a callback on an executor that registers another one there has returned before that runs")
    func cleanStacks() throws {
        let loop = VirtualLoop()
        let log = Log<String>()
        let future = Future.succeeded(1)
        future.callback(on: loop) { _ in
            log.add("A")
            future.callback(on: loop) { _ in log.add("B") }
            log.add("A ends")
        }
        try loop.runUntilIdle()
        #expect(log.all == ["A", "A ends", "B"])
    }

    @Test("B3: delivered(on:) completes there, whichever thread the source completes on, and passes cancellation back")
    func deliveredOn() async throws {
        let loop = VirtualLoop()
        let promise = Promise<Int>.kept()
        let seen = Log<Bool>()
        let copy = promise.future.delivered(on: loop)
        _ = copy.observe { _ in seen.add(loop.isCurrent) }
        try await onThread { promise.succeed(1) }
        #expect(copy.words == "pending")
        try loop.runUntilIdle()
        #expect(copy.words == "1")
        #expect(seen.all == [true])
        let other = Promise<Int>.kept()
        #expect(other.future.delivered(on: loop).cancel() == .stopped)
        #expect(other.future.isCancelled)
    }

    @Test("C10: delivery to a loop that has closed is LoopClosed, in a future and in a callback, not silence")
    func deliveredOnClosed() {
        let loop = VirtualLoop("closed one")
        let promise = Promise<Int>.kept()
        let copy = promise.future.delivered(on: loop)
        let log = Log<String>()
        promise.future.callback(on: loop) { log.add(words($0)) }
        loop.stop()
        promise.succeed(1)
        #expect(copy.words == "LoopClosed")
        #expect(log.all == ["LoopClosed"])
        guard case .failure(let error as LoopClosed)? = copy.outcome else { return }
        #expect(error.loop == "closed one")
    }

    @Test("B6: an observer may add, withdraw, complete other promises and drop the future that calls it")
    func reentrancy() {
        let log = Log<String>()
        let holder = Box<Promise<Int>?>(Promise())
        weak let future = holder.value?.future
        let others = (0..<3).map { _ in Promise<Int>.kept() }
        let left = others[2].future.observe { _ in log.add("never") }
        for other in others[..<2] { _ = other.future.observe { log.add(words($0)) } }
        _ = holder.value?.future.observe { _ in
            holder.value = nil
            left.withdraw()
            for (index, other) in others.enumerated() { other.succeed(index) }
            log.add("A")
        }
        _ = holder.value?.future.observe { _ in log.add("B") }
        holder.value?.succeed(1)
        #expect(log.all == ["A", "B", "0", "1"])
        #expect(future == nil)
    }

    @Test("B10: a task-local value set where an operation is started is seen inside it")
    func taskLocals() async throws {
        let inside = Place.$name.withValue("here") { Future { Place.name } }
        #expect(try await inside.value == "here")
    }

    @Test("B7: an endless supply of complete futures is drained without recursion")
    func noRecursion() async throws {
        let rounds = scaled(200_000)
        let result = try await onThread(stackBytes: 65536) { () -> Int in
            let reached = Box(0)
            @Sendable func step(_ n: Int) -> Future<Int> {
                Future.succeeded(n).flatMap { n -> Future<Int> in
                    if n == rounds { return .succeeded(n) }
                    return step(n + 1)
                }
            }
            _ = step(0).observe { reached.value = (try? $0.get()) ?? -1 }
            return reached.value
        }
        #expect(result == rounds)
    }
}

enum Place {
    @TaskLocal static var name = "nowhere"
}
