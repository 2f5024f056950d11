// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Testing

@testable import CallbackBridge

private typealias Completion = @convention(c) (Int32, UnsafeMutableRawPointer?) -> Void

/// A C library with one operation under way at most. `legacy_start` refuses with a status; `legacy_finish` calls.
// SAFETY: used by one test, on one thread at a time.
private struct Library: @unchecked Sendable {
    @safe
    final class State {
        var callback: Completion?
        var context: UnsafeMutableRawPointer?
    }
    let state = State()

    func start(_ callback: Completion, _ context: UnsafeMutableRawPointer, status: Int32 = 0) -> Int32 {
        unsafe state.context = context
        guard status == 0 else { return status }
        unsafe state.callback = callback
        return 0
    }

    /// The context it was given has not ended.
    var hasContext: Bool { unsafe ContextRegistry.find(state.context) != nil }

    func finish(_ value: Int32) { unsafe state.callback?(value, state.context) }
}

private let completion: Completion = { value, context in
    unsafe CallbackContext<Int>.take(context, fileID: "mark/c-callback", line: 1)?.succeed(Int(value))
}

private func call(_ library: Library, status: Int32 = 0, stopped: CancellationAnswer? = nil) -> Call<Int> {
    Call<Int>("legacy call") { done in
        var cancel: (@Sendable (UnsafeMutableRawPointer) -> CancellationAnswer)?
        if let stopped { unsafe cancel = { _ in stopped } }
        try unsafe done.passContext(cancel: cancel) { context in
            let answer = unsafe library.start(completion, context, status: status)
            guard answer == 0 else { throw LegacyError(code: Int(answer)) }
        }
    }
}

/// Serialized because the tests count reports, which name the C function alone.
@Suite(.serialized) struct CallbackContextTests {
    @Test("CB5: a C function's one call consumes its context and completes the promise, from any thread")
    func oneCallConsumes() async throws {
        let library = Library()
        let future = call(library).future()
        #expect(library.hasContext)
        try await onThread { library.finish(42) }
        #expect(try await future.value == 42)
        #expect(!library.hasContext)
    }

    @Test("CB10: a C function's call on a foreign thread hops to the executor")
    func foreignThreadHops() async throws {
        let (library, executor, seen) = (Library(), ManualExecutor(), Recorder<Int>())
        let call = Call<Int>(on: executor) { done in
            unsafe done.passContext { context in _ = unsafe library.start(completion, context) }
        }
        call.callback { seen.record((try? $0.get()) ?? -1) }
        try await onThread { library.finish(42) }
        #expect(seen.items.isEmpty)
        executor.runAll()
        #expect(seen.items == [42])
    }

    @Test("CB5: a call with a used context is ignored and reported")
    func secondCallIsReported() async throws {
        let reports = ReportCollector(containing: "mark/c-callback")
        let library = Library()
        let future = call(library).future()
        library.finish(42)
        library.finish(43)
        #expect(try await future.value == 42)
        #expect(await reports.settledReports().count == 1)
    }

    @Test("CB5: a context taken as another type fails its promise by name")
    func wrongTypeIsNamed() async throws {
        let promise = Promise<Int>()
        let context = CallbackContext(for: promise)
        #expect(unsafe CallbackContext<String>.take(context.pointer) == nil)
        let error = await #expect(throws: InvalidCallback.self) { try await promise.future.value }
        #expect(error?.reason == .wrongContextType(expected: "CallbackContext<Int>", taken: "CallbackContext<String>"))
    }

    @Test("CB5: a pointer that is no context of ours is ignored and reported")
    func foreignPointerIsReported() async {
        let reports = ReportCollector(containing: "mark/no-context")
        #expect(unsafe CallbackContext<Int>.take(nil, fileID: "mark/no-context", line: 1) == nil)
        #expect(await reports.settledReports().count == 1)
    }

    @Test("CB6: a registration that fails releases the context and fails the run with its own error")
    func failedRegistration() async {
        let library = Library()
        await #expect(throws: LegacyError(code: 5)) { try await call(library, status: 5).value }
        #expect(!library.hasContext)
    }

    @Test("CB6: a context released uncalled makes a BrokenPromise")
    func releasedUncalled() async {
        let context: CallbackContext<Int>
        let future: Future<Int>
        do {
            let promise = Promise<Int>()
            future = promise.future
            context = CallbackContext(for: promise)
        }
        // What a C destructor does.
        #expect(unsafe CallbackContext<Int>.release(context.pointer))
        #expect(!context.release())
        await #expect(throws: BrokenPromise.self) { try await future.value }
    }

    @Test("CB6, CB8: a cancellation that stops the C function releases the context")
    func cancellationReleases() {
        let library = Library()
        let future = call(library, stopped: .stopped).future()
        #expect(library.hasContext)
        #expect(future.cancel() == .stopped)
        #expect(!library.hasContext)
    }

    @Test("CB6, CB8: a cancellation that comes too late leaves the context to the call that is coming")
    func lateCancellation() async throws {
        let library = Library()
        let future = call(library, stopped: .tooLate).future()
        #expect(future.cancel() == .tooLate)
        #expect(!future.isCompleted)
        library.finish(42)
        #expect(try await future.value == 42)
    }

    @Test("CB6, CB8: without a canceller the future ends cancelled and the context stays for the one late call")
    func noCanceller() async {
        let reports = ReportCollector(containing: "mark/c-callback")
        let library = Library()
        let future = call(library).future()
        #expect(future.cancel() == .stopped)
        #expect(library.hasContext)
        library.finish(42)
        #expect(!library.hasContext)
        #expect(await reports.settledReports().isEmpty)
    }
}
