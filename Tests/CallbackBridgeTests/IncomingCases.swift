// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CallbackBridge
import Futures
import Testing

/// What a legacy API may do to its callback.
enum LegacyCall: Sendable {
    case value, error
    /// A value and an error.
    case both
    /// Neither of them, or what the shape has for it.
    case nothing
}

/// One shape of a legacy callback, and the calls that can be made in it.
struct IncomingCase: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let calls: Set<LegacyCall>
    /// The reason of the error that a call with nothing makes.
    let reason: InvalidCallback.Reason?
    private let line: UInt
    private let make: @Sendable (UInt, (any CallbackExecutor)?, @escaping Operation) -> Call<String>

    /// A legacy operation: it is given what calls its callback.
    typealias Operation = @Sendable (@escaping @Sendable (LegacyCall) -> Void) -> Void

    init<Success, Callback>(
        _ name: String,
        _ shape: IncomingShape<Success, Callback>,
        _ calls: Set<LegacyCall>,
        nothing reason: InvalidCallback.Reason? = nil,
        line: UInt = #line,
        print: @escaping @Sendable (Success) -> String,
        make: @escaping @Sendable (Callback, LegacyCall) -> Void
    ) {
        testDescription = name
        self.calls = calls
        self.reason = reason
        self.line = line
        self.make = { line, executor, operation in
            Call(callback: shape, on: executor, fileID: "mark/shape", line: line) { callback in
                operation { make(callback, $0) }
            }.map(print)
        }
    }

    /// Prepares an operation. Tests run side by side: those that look at reports tell theirs by a number of their own.
    func prepare(
        on executor: (any CallbackExecutor)? = nil,
        test: UInt = 0,
        _ operation: @escaping Operation
    ) -> Call<String> {
        make(line * 10 + test, executor, operation)
    }

    /// Where the callback of that test says that it stands.
    func mark(test: UInt = 0) -> String { "mark/shape:\(line * 10 + test)" }

    /// An operation that makes these calls inside the initiating call.
    func calling(_ calls: LegacyCall..., on executor: (any CallbackExecutor)? = nil, test: UInt = 0) -> Call<String> {
        prepare(on: executor, test: test) { callback in for call in calls { callback(call) } }
    }

    static let all: [IncomingCase] = [
        IncomingCase(
            "(T?, Error?)",
            IncomingShape<String, _>.valueOrError,
            [.value, .error, .both, .nothing],
            nothing: .neitherValueNorError,
            print: { $0 }
        ) { $0($1.value, $1.error) },
        IncomingCase(
            "(Error?, T?)",
            IncomingShape<String, _>.errorOrValue,
            [.value, .error, .both, .nothing],
            nothing: .neitherValueNorError,
            print: { $0 }
        ) { $0($1.error, $1.value) },
        IncomingCase(
            "(T, Error?)",
            IncomingShape<String, _>.valueAndError,
            [.value, .error, .both],
            print: { $0 }
        ) { $0($1.value ?? "", $1.error) },
        IncomingCase(
            "(Error?, T)",
            IncomingShape<String, _>.errorAndValue,
            [.value, .error, .both],
            print: { $0 }
        ) { $0($1.error, $1.value ?? "") },
        IncomingCase("(T)", IncomingShape<String, _>.value, [.value], print: { $0 }) { $0($1.value!) },
        IncomingCase(
            "(T?)",
            IncomingShape<String, _>.optionalValue,
            [.value, .nothing],
            nothing: .noValue,
            print: { $0 }
        ) { $0($1.value) },
        IncomingCase("()", .void, [.value], print: { "page" }) { callback, _ in callback() },
        IncomingCase("(Error?)", .errorOnly, [.value, .error], print: { "page" }) { $0($1.error) },
        IncomingCase(
            "(Bool, Error?)",
            .successFlag,
            [.value, .error, .both, .nothing],
            nothing: .failureWithoutError,
            print: { "page" }
        ) { $0($1.value != nil, $1.error) },
        IncomingCase(
            "(T1?, T2?, Error?)",
            IncomingShape<(String, Int), _>.twoValuesOrError(),
            [.value, .error, .both, .nothing],
            nothing: .neitherValueNorError,
            print: { $0.0 }
        ) { $0($1.value, $1.value?.count, $1.error) },
        IncomingCase(
            "(T), (Error)",
            IncomingShape<String, _>.successAndFailure,
            [.value, .error],
            print: { $0 }
        ) { callbacks, call in
            if let value = call.value { callbacks.success(value) } else { callbacks.failure(LegacyError()) }
        },
        IncomingCase("(Result)", IncomingShape<String, _>.result, [.value, .error], print: { $0 }) { callback, call in
            callback(call.value.map { .success($0) } ?? .failure(LegacyError()))
        },
        IncomingCase(
            "(Result<T, E>)",
            IncomingShape<String, _>.result(failure: LegacyError.self),
            [.value, .error],
            print: { $0 }
        ) { callback, call in
            callback(call.value.map { .success($0) } ?? .failure(LegacyError()))
        },
    ]

    static func all(that can: LegacyCall) -> [IncomingCase] { all.filter { $0.calls.contains(can) } }
}

extension LegacyCall {
    var value: String? { self == .value || self == .both ? "page" : nil }
    var error: (any Error)? { self == .error || self == .both ? LegacyError() : nil }
}
