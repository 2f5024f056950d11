// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

// What an executor has accepted and can still destroy unrun: a loop that is released without having been stopped does.
// Then nobody else would end what was to follow, so these do in their `deinit`; on the drain, like all that begins there.

/// An outcome on its way to the future that hands it on.
// SAFETY: `outcome` is touched by the one call, or by `deinit`.
final class Delivery<Success: Sendable>: @unchecked Sendable {
    private let result: Future<Success>
    @safe @exclusivity(unchecked) private var outcome: Result<Success, any Error>?
    private let executor: String

    init(of outcome: Result<Success, any Error>, to result: Future<Success>, on executor: String) {
        self.result = result
        self.outcome = outcome
        self.executor = executor
    }

    func arrive() {
        guard let outcome else { return }
        self.outcome = nil
        result._completeOrReport(outcome)
    }

    /// The executor did not accept it.
    func refuse() {
        outcome = nil
        _ = result._fail(error)
    }

    private var error: LoopClosed { LoopClosed(loop: executor, operation: "an outcome was to be delivered") }

    deinit {
        guard outcome != nil else { return }
        result._markForDrain()
        _ = result._fail(error)
    }
}

/// A callback on its way to where it is to run.
// SAFETY: `body` is touched by the one call, or by `deinit`.
final class CallbackDelivery<Success: Sendable>: @unchecked Sendable {
    typealias Body = @Sendable (Result<Success, any Error>) throws -> Void

    @safe @exclusivity(unchecked) private var body: Body?
    private let outcome: Result<Success, any Error>
    private let executor: String

    init(of outcome: Result<Success, any Error>, to body: @escaping Body, on executor: String) {
        self.body = body
        self.outcome = outcome
        self.executor = executor
    }

    func arrive() { call(with: outcome) }

    /// The executor did not accept it.
    func refuse() { call(with: .failure(error)) }

    private func call(with outcome: Result<Success, any Error>) {
        guard let body else { return }
        self.body = nil
        Future._call(body, outcome)
    }

    private var error: LoopClosed { LoopClosed(loop: executor, operation: "a callback was to run") }

    deinit {
        guard let body else { return }
        Drain.shared.post { [error] in Future<Success>._call(body, .failure(error)) }
    }
}

/// The start of a run that an executor was given.
// SAFETY: `hasBegun` is touched by the one call, or by `deinit`.
final class Departure<Success: Sendable>: @unchecked Sendable {
    private let result: Future<Success>
    @safe @exclusivity(unchecked) private var hasBegun = false
    private let executor: String

    init(of result: Future<Success>, on executor: String) {
        self.result = result
        self.executor = executor
    }

    /// The future of the run, unless it has been left meanwhile.
    func begin() -> Future<Success>? {
        hasBegun = true
        return result.isCompleted ? nil : result
    }

    /// The executor did not accept it.
    func refuse() {
        hasBegun = true
        _ = result._fail(error)
    }

    private var error: LoopClosed { LoopClosed(loop: executor, operation: "a call was to start") }

    deinit {
        if hasBegun { return }
        result._markForDrain()
        _ = result._fail(error)
    }
}
