// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// A Swift task, by its handle.
final class TaskSource: Source {
    static let name = "Task"

    let subject: Task<Int, any Error>
    private let gate = Gate()

    init(_ bench: Bench) { subject = Task { [gate] in try await gate.pass() } }

    static func reason(against case: Case) -> Reason? {
        switch `case` {
        // A task belongs to whoever has its handle: who leaves it does not cancel it.
        case .cancelledByConsumer: .cannotBeCancelled
        case .completedTwice, .dropped: .cannotBeProduced
        default: nil
        }
    }

    static var completesInPlace: Bool { false }
    var hasStarted: Bool { gate.hasStarted }
    var wasStopped: Bool { gate.wasStopped }

    func completeBefore(_ value: Int) async throws {
        gate.open(.success(value))
        _ = try await subject.value
    }

    func complete(_ outcome: Result<Int, any Error>) { gate.open(outcome) }

    func drop() {}
}

/// An async function, prepared: each run is a task.
final class AsyncSource: Source {
    static let name = "async function"

    let subject: Call<Int>
    private let gate = Gate()

    init(_ bench: Bench) { subject = Call(bench.label, async: { [gate] in try await gate.pass() }) }

    static func reason(against case: Case) -> Reason? {
        switch `case` {
        case .completedTwice, .dropped: .cannotBeProduced
        default: nil
        }
    }

    static var completesInPlace: Bool { false }
    var hasStarted: Bool { gate.hasStarted }
    var wasStopped: Bool { gate.wasStopped }

    func completeBefore(_ value: Int) { gate.open(.success(value)) }

    func complete(_ outcome: Result<Int, any Error>) { gate.open(outcome) }

    func drop() {}
}

/// What an async function suspends on, in the language's own means.
private final class Gate: Sendable {
    private struct State {
        var outcome: Result<Int, any Error>?
        var continuation: CheckedContinuation<Int, any Error>?
        var hasStarted = false
        var wasStopped = false
    }

    private let state = Lock(State())

    var hasStarted: Bool { state.withLock { $0.hasStarted } }
    var wasStopped: Bool { state.withLock { $0.wasStopped } }

    func pass() async throws -> Int {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let outcome = state.withLock { state -> Result<Int, any Error>? in
                    state.hasStarted = true
                    if state.outcome == nil { state.continuation = continuation }
                    return state.outcome
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            state.withLock { $0.wasStopped = true }
            open(.failure(CancellationError()))
        }
    }

    func open(_ outcome: Result<Int, any Error>) {
        let continuation = state.withLock { state -> CheckedContinuation<Int, any Error>? in
            if state.outcome == nil { state.outcome = outcome }
            return state.continuation.take()
        }
        continuation?.resume(with: outcome)
    }
}
