// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CallbackBridge
import ConversionTesting
import Futures
import Testing

@Suite struct IncomingShapeTests {
    @Test("CB1: a callback of each shape delivers the value", arguments: IncomingCase.all)
    func value(shape: IncomingCase) async throws {
        #expect(try await shape.calling(.value).value == "page")
    }

    @Test("CB1: a callback of each shape that has an error delivers it", arguments: IncomingCase.all(that: .error))
    func error(shape: IncomingCase) async {
        await #expect(throws: LegacyError()) { try await shape.calling(.error).value }
    }

    @Test("CB1: where a value and an error are passed the error wins", arguments: IncomingCase.all(that: .both))
    func both(shape: IncomingCase) async {
        await #expect(throws: LegacyError()) { try await shape.calling(.both).value }
    }

    @Test("CB2: a call that says nothing is an error by name", arguments: IncomingCase.all(that: .nothing))
    func nothing(shape: IncomingCase) async {
        let error = await #expect(throws: InvalidCallback.self) { try await shape.calling(.nothing).value }
        #expect(error?.reason == shape.reason)
        #expect(error?.description.contains(shape.mark()) == true)
    }

    @Test("CB3: a second call, of any shape, is absorbed and reported", arguments: IncomingCase.all)
    func second(shape: IncomingCase) async throws {
        let reports = ReportCollector(containing: "second time at \(shape.mark(test: 1));")
        #expect(try await shape.calling(.value, .value, test: 1).value == "page")
        #expect(await reports.settledReports().count == 1)
    }

    @Test("CB3: the one late call after a cancellation, of any shape, is swallowed", arguments: IncomingCase.all)
    func late(shape: IncomingCase) async {
        let reports = ReportCollector(containing: "second time at \(shape.mark(test: 2));")
        let kept = Recorder<@Sendable (LegacyCall) -> Void>()
        let future = shape.prepare(test: 2) { kept.record($0) }.future()
        #expect(future.cancel() == .stopped)
        kept.items[0](.value)
        #expect(await reports.settledReports().isEmpty)
        kept.items[0](.value)
        #expect(await reports.settledReports().count == 1)
    }

    @Test("CB4: a callback of any shape that is thrown away is a BrokenPromise", arguments: IncomingCase.all)
    func dropped(shape: IncomingCase) async {
        await #expect(throws: BrokenPromise.self) { try await shape.prepare { _ in }.value }
    }

    @Test("CB2: one of two values alone is an error that says which is missing")
    func oneOfTwo() async {
        for (first, second, number) in [("page", nil, 2), (nil, 4, 1)] as [(String?, Int?, Int)] {
            let call = Call<(String, Int)>(callback: .twoValuesOrError()) { $0(first, second, nil) }
            let error = await #expect(throws: InvalidCallback.self) { _ = try await call.value }
            #expect(error?.reason == .missingValue(number: number))
        }
    }

    @Test("CB2: nil is a value of an optional type in each shape that can pass it")
    func optionalTypes() async throws {
        @Sendable func find(_ completion: @Sendable (String?) -> Void) { completion(nil) }
        @Sendable func search(_ completion: @Sendable ((any Error)?, String?) -> Void) { completion(nil, nil) }
        @Sendable func count(_ completion: @Sendable (String?, Int?, (any Error)?) -> Void) { completion(nil, 4, nil) }
        #expect(try await Call<String?>(callback: .optionalValue) { find($0) }.value == nil)
        #expect(try await Call<String?>(callback: .errorOrValue) { search($0) }.value == nil)
        #expect(try await Call<String?>(callback: .optionalValue) { $0(nil) }.value == nil)
        #expect(try await Call<(String?, Int)>(callback: .twoValuesOrError()) { count($0) }.value == (nil, 4))
    }

    @Test("CB2: false without an error is the answer of a promise of Bool")
    func answer() async throws {
        #expect(try await Call<Bool>(callback: .valueAndError) { $0(false, nil) }.value == false)
    }

    @Test("CB1: a closure of one's own completes by the labels of its shape")
    func ownClosures() async throws {
        #expect(try await Call<Int> { $0.complete(error: nil, value: 1) }.value == 1)
        #expect(try await Call<Int> { $0.complete(optionalValue: 2) }.value == 2)
        #expect(try await Call<(Int, Int)> { $0.complete(1, 2, error: nil) }.value == (1, 2))
        try await Call<Void> { $0.complete() }.value
        try await Call<Void> { $0.complete(successFlag: true, error: nil) }.value
        await #expect(throws: LegacyError()) { try await Call<Void> { $0.complete(error: LegacyError()) }.value }
    }

    @Test("CB14: two callbacks share one promise: the first call of either decides, and one may be thrown away")
    func pair() async throws {
        let reports = ReportCollector(containing: "second time at mark/pair:1;")
        for isFailureFirst in [true, false] {
            let promise = Promise<String>()
            // Each pair lives only as long as the closure that is taken out of it.
            let failure = promise.successAndFailureCallbacks(fileID: "mark/pair", line: 1).failure
            let success = promise.successAndFailureCallbacks(fileID: "mark/pair", line: 1).success
            if isFailureFirst { failure(LegacyError()) }
            success("page")
            if !isFailureFirst { failure(LegacyError()) }
            let outcome = promise.future.recover { _ in "error" }
            #expect(try await outcome.value == (isFailureFirst ? "error" : "page"))
        }
        #expect(await reports.settledReports().count == 2)
    }
}

/// Takes any shape, as code that is generic over the value does.
private func legacySave(_ error: (any Error)?, _ completion: @Sendable ((any Error)?) -> Void) { completion(error) }

private func optionalValue<T>(of type: T.Type) -> IncomingShape<T, @Sendable (T?) -> Void> { .optionalValue }
private func value<T>(of type: T.Type) -> IncomingShape<T, @Sendable (T) -> Void> { .value }

@Suite struct InferenceTests {
    @Test("CB12: (Error?) belongs to promises of nothing, and its error is an error")
    func errorOnly() async throws {
        // The types are the proof: no other shape, and no other promise, has this one.
        let shape: IncomingShape<Void, @Sendable ((any Error)?) -> Void> = .errorOnly
        let callback: @Sendable ((any Error)?) -> Void = Promise<Void>().errorOnlyCallback()
        callback(nil)
        await #expect(throws: LegacyError()) {
            try await Call(callback: shape) { legacySave(LegacyError(), $0) }.value
        }
        try await Call(callback: shape) { legacySave(nil, $0) }.value
    }

    @Test("CB12: an error that arrives where the value belongs is refused, not taken for a value")
    func errorAsValue() async {
        let optional = Call<any Error>(callback: optionalValue(of: (any Error).self)) { legacySave(LegacyError(), $0) }
        let concrete = Call<LegacyError>(callback: optionalValue(of: LegacyError.self)) { $0(LegacyError()) }
        let plain = Call<any Error>(callback: value(of: (any Error).self)) { $0(LegacyError()) }
        for future in [optional.map { "\($0)" }, concrete.map { "\($0)" }, plain.map { "\($0)" }] {
            let error = await #expect(throws: InvalidCallback.self) { try await future.value }
            #expect(error?.reason == .errorTakenForValue(type: "LegacyError"))
        }
    }
}
