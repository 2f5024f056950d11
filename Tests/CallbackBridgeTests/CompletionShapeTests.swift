// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CallbackBridge
import ConversionTesting
import Futures
import Testing

/// A callback API as there are thousands: answers at once, by its own rules.
private func legacy(
    _ value: String?,
    _ error: (any Error)?,
    times: Int = 1,
    _ callback: @Sendable (String?, (any Error)?) -> Void
) {
    for _ in 0..<times { callback(value, error) }
}

private func legacyResult(_ result: Result<String, LegacyError>, _ callback: (Result<String, LegacyError>) -> Void) {
    callback(result)
}

@Suite struct CompletionShapeTests {
    @Test("CB1: each shape completes the promise with the value it was given")
    func valuesArrive() async throws {
        let pair = Call<String> { done in legacy("page", nil) { done.complete($0, error: $1) } }
        let result = Call<String> { done in legacyResult(.success("page")) { done.complete(result: $0) } }
        let passed = Call<String> { done in legacy("page", nil, done.valueOrErrorCallback()) }
        let passedResult = Call<String> { done in
            legacyResult(.success("page"), done.resultCallback())
        }
        for call in [pair, result, passed, passedResult] { #expect(try await call.value == "page") }
    }

    @Test("CB1: each shape fails the promise with the error it was given, and an error wins over a value")
    func errorsWin() async {
        let alone = Call<String> { done in legacy(nil, LegacyError(), done.valueOrErrorCallback()) }
        let both = Call<String> { done in legacy("page", LegacyError(), done.valueOrErrorCallback()) }
        let result = Call<String> { done in legacyResult(.failure(LegacyError()), done.resultCallback()) }
        for call in [alone, both, result] {
            await #expect(throws: LegacyError()) { try await call.value }
        }
    }

    @Test("CB2: neither value nor error is an InvalidCallback that names the wrapper")
    func neitherIsAnError() async throws {
        let call = Call<String> { done in legacy(nil, nil) { done.complete($0, error: $1) } }
        let error = await #expect(throws: InvalidCallback.self) { try await call.value }
        #expect(error?.reason == .neitherValueNorError)
        #expect(error?.description.contains("CompletionShapeTests.swift") == true)
    }

    @Test("CB2: a promise of an optional type takes nil without an error as its value")
    func optionalTakesNil() async throws {
        let call = Call<String?> { done in legacy(nil, nil) { done.complete($0, error: $1) } }
        #expect(try await call.value == nil)
    }

    @Test("CB3: a further call is absorbed and reported, and the first outcome stands")
    func furtherCallsAreReported() async throws {
        let reports = ReportCollector { "\($0)".contains("mark/pair-twice") || "\($0)".contains("mark/result-twice") }
        let pair = Call<String> { done in
            legacy("page", nil, times: 3, done.valueOrErrorCallback(fileID: "mark/pair-twice", line: 1))
        }
        #expect(try await pair.value == "page")
        #expect(await reports.settledReports().count == 2)

        let result = Call<String> { done in
            let callback: @Sendable (Result<String, LegacyError>) -> Void =
                done.resultCallback(fileID: "mark/result-twice", line: 1)
            callback(.success("page"))
            callback(.failure(LegacyError()))
        }
        #expect(try await result.value == "page")
        #expect(await reports.settledReports().count == 3)
    }

    @Test("CB3: the one late call after a cancellation is swallowed without a report")
    func lateCallAfterCancellation() async {
        let reports = ReportCollector(containing: "mark/late")
        let kept = Recorder<@Sendable (String?, (any Error)?) -> Void>()
        let future = Call<String> { done in
            kept.record(done.valueOrErrorCallback(fileID: "mark/late", line: 1))
        }.future()
        #expect(future.cancel() == .stopped)
        kept.items[0]("page", nil)
        #expect(future.isCancelled)
        #expect(await reports.settledReports().count == 0)
        kept.items[0]("page", nil)
        #expect(await reports.settledReports().count == 1)
    }

    @Test("CB4: a callback that is thrown away uncalled is a BrokenPromise")
    func droppedCallback() async {
        let pair = Call<String> { done in _ = done.valueOrErrorCallback() }
        let result = Call<String> { done in _ = done.resultCallback() as (Result<String, LegacyError>) -> Void }
        for call in [pair, result] {
            await #expect(throws: BrokenPromise.self) { try await call.value }
        }
    }
}
