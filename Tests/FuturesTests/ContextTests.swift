// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Testing

private enum Trace {
    @TaskLocal static var id = 0
    @TaskLocal static var user = "nobody"

    static var words: String { "\(id) \(user)" }

    static func bound<R>(_ body: () throws -> R) rethrows -> R {
        try $id.withValue(7) { try $user.withValue("ada", operation: body) }
    }

    static var snapshot: ContextSnapshot { bound { ContextSnapshot($id, $user) } }
}

@Suite struct ContextTests {
    @Test("F13: a snapshot binds the task-locals it names, on any thread, and hands results and errors through")
    func binding() async throws {
        let here = Trace.snapshot
        #expect(here { Trace.words } == "7 ada" && Trace.words == "0 nobody")
        #expect(try await onThread { here { Trace.words } } == "7 ada")
        #expect(throws: CancellationError.self) { try here { throw CancellationError() } }
        let one = Trace.bound { ContextSnapshot(Trace.$user) }
        #expect(one { Trace.words } == "0 ada")
        #expect(one { here { Trace.words } } == "7 ada")
    }

    @Test("F13: the observer of a completion sees the values of its snapshot, whichever thread completes")
    func observers() async throws {
        let promise = Promise<Int>()
        let log = OrderRecorder()
        promise.future.inContext(Trace.snapshot).callback { _ in log.record("callback \(Trace.words)") }
        let derived = promise.future.inContext(Trace.snapshot).future().map { _ in Trace.words }
        promise.future.callback { _ in log.record("other \(Trace.words)") }
        try await onThread { promise.succeed(1) }
        #expect(Set(log.entries) == ["callback 7 ada", "other 0 nobody"])
        #expect(try await derived.value == "7 ada")
    }

    @Test("F13: an observer that comes late sees the values, too, and so do those down a chain")
    func late() {
        let log = OrderRecorder()
        let future = Future.succeeded(1).inContext(Trace.snapshot).future()
        future.callback { _ in log.record("late \(Trace.words)") }
        future.map { _ in log.record("map \(Trace.words)") }.callback { _ in log.record("late derived \(Trace.words)") }
        // What is derived and complete knows nothing of it: who comes late to that has a context of its own.
        #expect(log.entries == ["late 7 ada", "map 7 ada", "late derived 0 nobody"])
        let source = Promise<Int>()
        let derived = source.future.inContext(Trace.snapshot).future().map { $0 }.flatMap { Future.succeeded($0) }
        derived.callback { _ in log.record("chain \(Trace.words)") }
        source.future.callback { _ in log.record("in between \(Trace.words)") }
        source.succeed(1)
        #expect(log.entries.suffix(2).sorted() == ["chain 7 ada", "in between 0 nobody"])
    }

    @Test("F13: a hop to an executor takes the snapshot along")
    func hops() async throws {
        let loop = VirtualLoop()
        let promise = Promise<Int>()
        let log = OrderRecorder()
        promise.future.inContext(Trace.snapshot).callback(on: loop) { _ in log.record("callback \(Trace.words)") }
        promise.future.inContext(Trace.snapshot).future().delivered(on: loop).callback { _ in
            log.record("delivered \(Trace.words)")
        }
        promise.future.callback(on: loop) { _ in log.record("other \(Trace.words)") }
        try await onThread { promise.succeed(1) }
        try loop.runUntilIdle()
        #expect(Set(log.entries) == ["callback 7 ada", "delivered 7 ada", "other 0 nobody"])
        loop.stop()
    }

    @Test("F13: each handler call of a source sees the snapshot, with and without an executor")
    func sources() async throws {
        let loop = VirtualLoop()
        let log = OrderRecorder()
        let (numbers, continuation) = AsyncStream.makeStream(of: Int.self)
        let subscription = numbers.events().inContext(Trace.snapshot)
            .subscribe(on: loop) { log.record("\($0) \(Trace.words)") }
        continuation.yield(1)
        continuation.yield(2)
        #expect(
            try await eventually {
                try loop.runUntilIdle()
                return log.entries == ["1 7 ada", "2 7 ada"]
            }
        )
        subscription.cancel()
        loop.stop()
    }

    @Test("F13: a cancellation goes through a snapshot in both directions")
    func cancellation() {
        let promise = Promise<Int>()
        promise.future.inContext(Trace.snapshot).future().cancel()
        #expect(promise.future.isCancelled)
        let other = Promise<Int>()
        let derived = other.future.inContext(Trace.snapshot).future()
        other.future.cancel()
        #expect(derived.isCancelled)
    }
}
