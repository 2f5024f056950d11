// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CallbackBridge
import ConversionTesting
import Futures
import Testing

/// One shape of a legacy caller's callback, and what it gets.
struct OutgoingCase: Sendable, CustomTestStringConvertible {
    /// A source that has been handed out.
    struct Handed: Sendable {
        let registration: Registration
        let complete: @Sendable (Result<Void, any Error>) -> Void
        let cancel: @Sendable () -> Void
    }

    let testDescription: String
    let value: String
    /// What a failure with `LegacyError` gives.
    let error: String
    let cancellation: String
    let hand: @Sendable ((any CallbackExecutor)?, Recorder<String>) -> Handed

    private init<Success: Sendable>(
        _ name: String,
        of success: Success,
        value: String,
        error: String,
        cancellation: String? = nil,
        register: @escaping @Sendable (Future<Success>, (any CallbackExecutor)?, Recorder<String>) -> Registration
    ) {
        testDescription = name
        self.value = value
        self.error = error
        self.cancellation = cancellation ?? error.replacing("LegacyError", with: "CancellationError")
        hand = { executor, calls in
            let promise = Promise<Success>()
            return Handed(
                registration: register(promise.future, executor, calls),
                complete: { promise.tryComplete($0.map { success }) },
                cancel: { promise.future.cancel() }
            )
        }
    }

    private init<Success: Sendable, Callback: Sendable>(
        _ name: String,
        _ shape: OutgoingShape<Success, Callback>,
        of success: Success,
        value: String,
        error: String,
        make: @escaping @Sendable (Recorder<String>) -> Callback
    ) {
        self.init(name, of: success, value: value, error: error) { future, executor, calls in
            future.callback(on: executor, as: shape, make(calls))
        }
    }

    static let all: [OutgoingCase] = [
        OutgoingCase("(T?, Error?)", .valueOrError, of: 1, value: "1 nil", error: "nil LegacyError") { calls in
            { calls.record("\(text($0)) \(text($1))") }
        },
        OutgoingCase("(Error?, T?)", .errorOrValue, of: 1, value: "nil 1", error: "LegacyError nil") { calls in
            { calls.record("\(text($0)) \(text($1))") }
        },
        OutgoingCase(
            "(T, Error?)",
            .valueAndError(placeholder: -1),
            of: 1,
            value: "1 nil",
            error: "-1 LegacyError"
        ) { calls in
            { calls.record("\($0) \(text($1))") }
        },
        OutgoingCase(
            "(Error?, T)",
            .errorAndValue(placeholder: -1),
            of: 1,
            value: "nil 1",
            error: "LegacyError -1"
        ) { calls in
            { calls.record("\(text($0)) \($1)") }
        },
        OutgoingCase(
            "(T)",
            .value(onError: { "\(type(of: $0))" }),
            of: "page",
            value: "page",
            error: "LegacyError"
        ) { calls in
            { calls.record($0) }
        },
        OutgoingCase("(T?)", OutgoingShape<Int, _>.optionalValue, of: 1, value: "1", error: "nil") { calls in
            { calls.record(text($0)) }
        },
        OutgoingCase("()", .void, of: 1, value: "done", error: "done") { calls in { calls.record("done") } },
        OutgoingCase("(Error?)", .errorOnly, of: (), value: "nil", error: "LegacyError") { calls in
            { calls.record(text($0)) }
        },
        OutgoingCase("(Bool, Error?)", .successFlag, of: (), value: "true nil", error: "false LegacyError") { calls in
            { calls.record("\($0) \(text($1))") }
        },
        OutgoingCase(
            "(T1?, T2?, Error?)",
            .twoValuesOrError(),
            of: (1, "page"),
            value: "1 page nil",
            error: "nil nil LegacyError"
        ) { calls in
            { calls.record("\(text($0)) \(text($1)) \(text($2))") }
        },
        OutgoingCase("(T), (Error)", of: 1, value: "success 1", error: "failure LegacyError") {
            future,
            executor,
            calls in
            future.callback(
                on: executor,
                success: { calls.record("success \($0)") },
                failure: { calls.record("failure \(text($0))") }
            )
        },
    ]
}

/// `nil`, the type of an error, or the value.
private func text(_ value: Any?) -> String {
    switch value {
    case nil: "nil"
    case let error as any Error: "\(type(of: error))"
    case let value?: "\(value)"
    }
}

@Suite struct OutgoingShapeTests {
    @Test("CB7, CB15: a callback of each shape gets the value, once", arguments: OutgoingCase.all)
    func value(shape: OutgoingCase) {
        let calls = Recorder<String>()
        let handed = shape.hand(nil, calls)
        handed.complete(.success(()))
        handed.complete(.success(()))
        #expect(calls.items == [shape.value])
    }

    @Test("CB7, CB15: a callback of each shape gets the error, or what stands in for it", arguments: OutgoingCase.all)
    func error(shape: OutgoingCase) async {
        let reports = ReportCollector { "\($0)".contains("an error was lost") && "\($0)".contains("LegacyError") }
        let calls = Recorder<String>()
        shape.hand(nil, calls).complete(.failure(LegacyError()))
        #expect(calls.items == [shape.error])
        _ = await reports.settledReports()
    }

    @Test("CB8: a callback of each shape learns of a cancelled source", arguments: OutgoingCase.all)
    func cancelledSource(shape: OutgoingCase) {
        let calls = Recorder<String>()
        shape.hand(nil, calls).cancel()
        #expect(calls.items == [shape.cancellation])
    }

    @Test("CB8: a caller that cancels is not called, in any shape", arguments: OutgoingCase.all)
    func cancellingCaller(shape: OutgoingCase) {
        let calls = Recorder<String>()
        let handed = shape.hand(nil, calls)
        #expect(handed.registration.cancel() == .stopped)
        handed.complete(.success(()))
        #expect(calls.items.isEmpty)
    }

    @Test("CB7, CB10: a callback of each shape runs on its executor, once", arguments: OutgoingCase.all)
    func executor(shape: OutgoingCase) {
        let (executor, calls) = (ManualExecutor(), Recorder<String>())
        shape.hand(executor, calls).complete(.success(()))
        #expect(calls.items.isEmpty)
        executor.runAll()
        executor.runAll()
        #expect(calls.items == [shape.value])
    }

    @Test("CB15: an error that a shape has no place for is reported, a cancellation is not")
    func lostErrors() async {
        let reports = ReportCollector(containing: "LostError")
        struct LostError: Error {}
        Future<Int>.failed(LostError()).callback(as: .optionalValue) { _ in }
        Future<Int>.failed(LostError()).callback(as: .void) {}
        #expect(await reports.settledReports().count == 2)

        let cancellations = ReportCollector { report in
            ["an error was lost", "CancellationError"].allSatisfy { "\(report)".contains($0) }
        }
        Future<Int>.failed(CancellationError()).callback(as: .void) {}
        #expect(await cancellations.settledReports().isEmpty)
    }

    @Test("CB7: an async function is handed out in a legacy shape")
    func asyncFunction() async throws {
        let seen = Promise<String>()
        Call<String>(async: { "page" }).callback(as: .errorOrValue) { error, value in
            seen.complete(error: error, value: value)
        }
        #expect(try await seen.future.value == "page")
    }
}
