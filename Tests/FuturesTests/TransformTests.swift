// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Testing

@Suite struct TransformTests {
    init() { Reports.install() }

    @Test("A+2.2.1, A+2.2.7.3, A+2.2.7.4: a step without a handler for the outcome passes it through unchanged")
    func passesThrough() {
        let error = Oops()
        let failed = Future<Int>.failed(error)
        let value = Future.succeeded(1)
        let errors: [Future<Int>] = [
            failed.map { $0 }, failed.flatMap { Future.succeeded($0) }, failed.validate { _ in false },
            failed.delay(.seconds(9)), failed.ensure {},
        ]
        for result in errors {
            #expect(result.words == failed.words)
            _ = result.observe { _ in }
        }
        let values: [Future<Int>] = [
            value.recover { _ in 2 }, value.recover(from: { _ in Future.succeeded(2) }), value.mapError { _ in Oops() },
            value.ensure {}, value.validate { _ in true },
        ]
        for result in values { #expect(result.words == "1") }
    }

    @Test("A+2.2.7.1: what a step returns completes the derived future")
    func returned() {
        let failed = Future<Int>.failed(Oops())
        #expect(Future.succeeded(1).map { "\($0)!" }.words == "1!")
        #expect(Future.succeeded(1).flatMap { Future.succeeded("\($0)?") }.words == "1?")
        #expect(failed.recover { _ in 2 }.words == "2")
        #expect(failed.recover(from: { _ in Future.succeeded(3) }).words == "3")
        let other = Oops()
        let mapped = failed.mapError { _ in other }
        #expect(mapped.words == "oops \(other.id)")
        _ = mapped.observe { _ in }
        let invalid = Future.succeeded(1).validate { $0 > 1 }
        #expect(invalid.words == "ValidationFailed")
        _ = invalid.observe { _ in }
    }

    @Test("A+2.2.7.2: what a step throws fails the derived future with that very error")
    func thrown() {
        let error = Oops()
        let value = Future.succeeded(1)
        let failed = Future<Int>.failed(Oops())
        let results: [Future<Int>] = [
            value.map { _ -> Int in throw error }, value.flatMap { _ -> Future<Int> in throw error },
            failed.recover { _ -> Int in throw error },
            failed.recover(from: { _ -> Future<Int> in throw error }), value.ensure { throw error },
            failed.ensure { throw error }, value.validate { _ in throw error },
        ]
        for result in results {
            #expect(result.words == "oops \(error.id)")
            _ = result.observe { _ in }
        }
    }

    @Test("A+2.2.7.1: ensure runs its body once on every kind of end and keeps the outcome")
    func ensure() {
        let runs = Box(0)
        let promise = Promise<Int>.kept()
        let cancelled = promise.future.ensure { runs.increment() }
        promise.future.cancel()
        #expect(cancelled.isCancelled)
        #expect(Future.succeeded(1).ensure { runs.increment() }.words == "1")
        let error = Oops()
        let failed = Future<Int>.failed(error).ensure { runs.increment() }
        _ = failed.observe { _ in }
        #expect(failed.words == "oops \(error.id)")
        #expect(runs.value == 3)
    }

    @Test("A+2.3.1: a future that would wait for itself fails with PromiseCycle")
    func cycle() {
        let promise = Promise<Int>.kept("selfish")
        promise.complete(from: promise.future)
        #expect(promise.future.words == "PromiseCycle")
        #expect("\(promise.future)".contains("selfish"))
        _ = promise.future.observe { _ in }

        let source = Promise<Int>.kept()
        let holder = Box<Future<Int>?>(nil)
        holder.value = source.future.flatMap { _ in holder.value! }
        source.succeed(1)
        #expect(holder.value?.words == "PromiseCycle")
        _ = holder.value?.observe { _ in }
        holder.value = nil
    }

    @Test("A+2.3.1: a ring of any length, through derived futures too, fails with PromiseCycle, all of it")
    func ring() {
        for length in 2..<6 {
            let promises = (0..<length).map { _ in Promise<Int>.kept() }
            for index in promises.indices {
                let next = promises[(index + 1) % length].future
                promises[index].complete(from: index == 1 ? next.map { $0 } : next)
            }
            for promise in promises {
                #expect(promise.future.words == "PromiseCycle")
                _ = promise.future.observe { _ in }
            }
        }
    }

    @Test("A+2.3.1: a ring that two threads close at the same time is found")
    func racingRing() async throws {
        for _ in 0..<scaled(300) {
            let (a, b) = (Promise<Int>.kept(), Promise<Int>.kept())
            let gate = Gate(2)
            _ = try await Future.all(
                startThread {
                    gate.pass()
                    a.complete(from: b.future)
                },
                startThread {
                    gate.pass()
                    b.complete(from: a.future)
                }
            ).value
            #expect(a.future.words == "PromiseCycle")
            #expect(b.future.words == "PromiseCycle")
            for promise in [a, b] { _ = promise.future.observe { _ in } }
        }
    }

    @Test("A+2.3.2: adopting a pending future waits for it, adopting a complete one is complete", arguments: 0..<3)
    func adopting(_ kind: Int) {
        let error = Oops()
        let outcome: Result<Int, any Error> =
            kind == 0 ? .success(1) : .failure(kind == 1 ? error : CancellationError())
        for isLate in [false, true] {
            let source = Promise<Int>.kept()
            let promise = Promise<Int>.kept()
            if isLate { source.complete(with: outcome) }
            promise.complete(from: source.future)
            #expect(promise.future.isCompleted == isLate)
            source.tryComplete(outcome)
            #expect(promise.future.words == words(outcome))
            _ = promise.future.observe { _ in }
        }
    }

    @Test("A+2.3.3: any awaitable can be adopted; only its first call counts")
    func adoptingForeign() {
        let calls = Box<(@Sendable (Result<Int, any Error>) -> Void)?>(nil)
        let promise = Promise<Int>.kept()
        promise.complete(from: Unruly { calls.value = $0 })
        #expect(promise.future.words == "pending")
        calls.value?(.success(1))
        calls.value?(.success(2))
        calls.value?(.failure(Oops()))
        #expect(promise.future.words == "1")
        #expect(
            Call<Int> { $0.succeed(4) }.flatMap { value in Unruly { $0(.success(value + 1)) } }.future().words == "5"
        )
    }

    @Test("A+2.3.3: adoption of adopters is flattened iteratively, made in either direction")
    func adoptersOfAdopters() async throws {
        let length = scaled(100_000)
        for descending in [false, true] {
            let result = try await onThread(stackBytes: 65536) { () -> Int in
                let promises = (0...length).map { _ in Promise<Int>.kept() }
                for index in descending ? Array((0..<length).reversed()) : Array(0..<length) {
                    promises[index].complete(from: promises[index + 1].future)
                }
                promises[length].succeed(7)
                return try promises[0].future.wait(timeout: .zero)
            }
            #expect(result == 7)
        }
    }

    @Test("A+2.3.2: flatten gives the future inside the future")
    func flatten() {
        let inner = Promise<Int>.kept()
        let outer = Promise<Future<Int>>()
        let flat = outer.future.flatten()
        outer.succeed(inner.future)
        #expect(flat.words == "pending")
        inner.succeed(1)
        #expect(flat.words == "1")
    }

    @Test("T3: what a body throws before its first suspension is its outcome, never thrown at the call")
    func synchronousThrow() async {
        let error = Oops()
        let call = Call<Int> { _ in throw error }.future()
        #expect(call.words == "oops \(error.id)")
        _ = call.observe { _ in }
        let from = Call(from: { () -> Future<Int> in throw error }).future()
        #expect(from.words == "oops \(error.id)")
        _ = from.observe { _ in }
        let task = Future<Int> { throw error }
        await #expect(throws: error) { try await task.value }
    }

    @Test("T3: a finished body frees what it captured")
    func capturesFreed() async throws {
        weak var held: Sentinel?
        let future: Future<Int>
        do {
            let sentinel = Sentinel()
            held = sentinel
            future = Future {
                sentinel.touch()
                return 1
            }
        }
        #expect(try await future.value == 1)
        #expect(await eventually { held == nil })
    }

    @Test("A+2.1: values of every size and kind are stored and released")
    func valuesOfAllSizes() {
        struct Large: Sendable, Equatable { var a = 1, b = 2, c = 3, d = 4 }
        struct Odd: Sendable, Equatable { var text = "x", flag: UInt8 = 7 }
        #expect(Future.succeeded(Large()).outcome.map { try? $0.get() } == Large())
        #expect(Future.succeeded(Odd()).map { $0 }.outcome.map { try? $0.get() } == Odd())
        #expect(Future.succeeded(()).isCompleted)
        #expect(Future.succeeded(Int?.none).words == "nil")
        #expect(Future.succeeded(SIMD4<Double>(repeating: 2)).map { $0.sum() }.words == "8.0")
        weak var held: Sentinel?
        do {
            let sentinel = Sentinel()
            held = sentinel
            let future = Future.succeeded((sentinel, "a long string that is not stored inline", 3)).map { $0 }
            #expect(future.isCompleted)
        }
        #expect(held == nil)
    }
}

/// An awaitable that calls as often as it likes.
struct Unruly: Awaitable {
    let start: @Sendable (@escaping @Sendable (Result<Int, any Error>) -> Void) -> Void
    func observe(_ observer: @escaping @Sendable (Result<Int, any Error>) -> Void) -> Registration {
        start(observer)
        return .spent
    }
}
