// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CallbackBridge
import Futures
import Testing

private struct Outcome: Sendable, Equatable {
    var value: Int?
    var error: String?
}

@Suite struct WayBackTests {
    @Test("CB7: a legacy callback gets a value and nil, or nil and an error, once")
    func valueOrError() {
        let calls = Recorder<Outcome>()
        let record: @Sendable (Int?, (any Error)?) -> Void = {
            calls.record(Outcome(value: $0, error: $1.map { "\($0)" }))
        }
        Future.succeeded(42).callback(as: .valueOrError, record)
        Future<Int>.failed(LegacyError()).callback(as: .valueOrError, record)
        #expect(calls.items == [Outcome(value: 42), Outcome(error: "\(LegacyError())")])
    }

    @Test("CB7: an async function is handed out as a callback")
    func asyncFunction() async throws {
        let (seen, operation) = (Promise<Int?>(), Call<Int>(async: { 42 }))
        operation.callback(as: .valueOrError, { value, _ in seen.succeed(value) })
        #expect(try await seen.future.value == 42)
    }

    @Test("CB7: with an executor the callback runs there, never before the verb has returned")
    func declaredExecutor() {
        let (executor, calls) = (ManualExecutor(), Recorder<Outcome>())
        Future.succeeded(42).callback(
            on: executor,
            as: .valueOrError,
            { value, _ in calls.record(Outcome(value: value)) }
        )
        #expect(calls.items.isEmpty)
        executor.runAll()
        executor.runAll()
        #expect(calls.items == [Outcome(value: 42)])
    }

    @Test("CB8: the legacy caller's cancellation stops the source, and the callback is not called")
    func callerCancels() {
        let calls = Recorder<Outcome>()
        let promise = Promise<Int>()
        let registration = promise.future.callback(
            as: .valueOrError,
            { value, _ in calls.record(Outcome(value: value)) }
        )
        #expect(registration.cancel() == .stopped)
        #expect(promise.future.isCancelled)
        promise.tryComplete(.success(1))
        #expect(calls.items.isEmpty)
    }

    @Test("CB8: a cancelled source calls back with a CancellationError")
    func sourceCancels() {
        let calls = Recorder<Bool>()
        let promise = Promise<Int>()
        promise.future.callback(
            as: .valueOrError,
            { value, error in
                calls.record(value == nil && error is CancellationError)
            }
        )
        promise.future.cancel()
        #expect(calls.items == [true])
    }

    // MARK: C

    private static let pointer: UInt = 0x5150

    private func handOut(
        _ source: Future<Int>,
        on executor: (any CallbackExecutor)? = nil,
        _ calls: Recorder<String>
    ) -> Registration {
        unsafe source.callback(
            on: executor,
            context: UnsafeMutableRawPointer(bitPattern: Self.pointer),
            release: { calls.record("release \(UInt(bitPattern: $0) == Self.pointer)") }
        ) { outcome, context in
            calls.record("call \((try? outcome.get()) ?? -1) \(UInt(bitPattern: context) == Self.pointer)")
        }
    }

    @Test("CB9: a C caller's context is passed with the one call, and released once, after it")
    func contextReleasedAfterCall() {
        let calls = Recorder<String>()
        let registration = handOut(.succeeded(42), calls)
        #expect(registration.cancel() == .tooLate)
        #expect(calls.items == ["call 42 true", "release true"])
    }

    @Test("CB9: a cancelled registration releases the context without a call")
    func contextReleasedByCancellation() {
        let calls = Recorder<String>()
        let promise = Promise<Int>()
        let registration = handOut(promise.future, calls)
        #expect(registration.cancel() == .stopped)
        #expect(registration.cancel() == .tooLate)
        #expect(calls.items == ["release true"])

        let second = Promise<Int>()
        #expect(handOut(second.future, calls).withdraw())
        #expect(calls.items == ["release true", "release true"])
        second.succeed(1)
    }

    @Test("CB9: a call that an executor throws away comes in the background, with an error, and releases the context")
    func contextReleasedByDroppedExecutor() {
        let (executor, calls) = (ManualExecutor(), Recorder<String>())
        _ = handOut(.succeeded(42), on: executor, calls)
        executor.dropAll()
        Drain.shared.flush()
        #expect(calls.items == ["call -1 true", "release true"])
    }
}
