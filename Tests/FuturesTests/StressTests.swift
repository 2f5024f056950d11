// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Testing

@Suite struct StressTests {
    init() { Reports.install() }

    @Test(
        "C12, F1: threads that observe, withdraw, cancel, complete and adopt at once: each observer is called once or withdrawn"
    )
    func everythingAtOnce() async throws {
        for round in 0..<scaled(150) {
            let promise = Promise<Int>()
            let future = promise.future
            let books = Books()
            let gate = Gate(4)
            let observe = { @Sendable in
                gate.pass()
                for index in 0..<40 {
                    let entry = books.open()
                    let registration = future.observe { _ in entry.called() }
                    if index % 3 == 0, registration.withdraw() { entry.withdrawn() }
                    if index % 7 == 0 { _ = future.map { $0 }.observe { _ in } }
                }
            }
            let finish = { @Sendable in
                gate.pass()
                switch round % 4 {
                case 0: promise.tryComplete(.success(1))
                case 1: promise.tryComplete(.failure(EmptyInput("stress")))
                case 2: future.cancel()
                default: promise.complete(from: startThread { 5 })
                }
            }
            let leave = { @Sendable in
                gate.pass()
                for _ in 0..<40 {
                    let entry = books.open()
                    if future.observe({ _ in entry.called() }).cancel() == .stopped { entry.withdrawn() }
                }
            }
            _ = try await Future.all([observe, observe, finish, leave].map { body in startThread { body() } }).value
            _ = try? await future.value
            #expect(await eventually { books.missing == 0 })
            #expect(books.wrong == 0)
        }
    }

    @Test(
        "C12, B8: a graph of derived futures that is completed from one side and cancelled from the other ends everywhere"
    )
    func graph() async throws {
        for round in 0..<scaled(150) {
            let root = Promise<Int>()
            let layers = (0..<4).map { _ in root.future.map { $0 }.flatMap { Future.succeeded($0) } }
            let joined = Future.all(layers).map { $0.reduce(0, +) }
            let race = Future.race([joined, layers[0]].map { $0.recover { _ in 0 } })
            let gate = Gate(3)
            _ = try await Future.all([
                startThread {
                    gate.pass(); _ = root.tryComplete(.success(round))
                },
                startThread {
                    gate.pass(); for layer in layers { layer.cancel() }
                },
                startThread {
                    gate.pass(); joined.cancel()
                },
            ]).value
            for future in layers + [joined, race] {
                #expect(await eventually { future.isCompleted }, "\(future)")
            }
        }
    }

    @Test("C12: adopting, cancelling and completing both ends at once leaves both done")
    func adopting() async throws {
        for _ in 0..<scaled(300) {
            let (outer, inner) = (Promise<Int>("stress outer"), Promise<Int>())
            let gate = Gate(3)
            _ = try await Future.all([
                startThread {
                    gate.pass(); outer.complete(from: inner.future)
                },
                startThread {
                    gate.pass(); _ = outer.future.cancel()
                },
                startThread {
                    gate.pass(); _ = inner.tryComplete(.success(1))
                },
            ]).value
            #expect(outer.future.isCompleted && inner.future.isCompleted)
            #expect(inner.future._observers == 0)
        }
    }
}

/// What became of each observer.
private final class Books: Sendable {
    final class Entry: Sendable {
        let calls = Box(0)
        let withdrawals = Box(0)
        func called() { calls.increment() }
        func withdrawn() { withdrawals.increment() }
    }

    private let entries = Log<Entry>()

    func open() -> Entry {
        let entry = Entry()
        entries.add(entry)
        return entry
    }

    var missing: Int { entries.all.count { $0.calls.value + $0.withdrawals.value == 0 } }
    var wrong: Int { entries.all.count { $0.calls.value + $0.withdrawals.value != 1 } }
}
