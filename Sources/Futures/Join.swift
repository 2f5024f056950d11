// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// The registrations of a combinator at its inputs, and the rule that each input counts once.
package final class JoinInputs: Sendable {
    private let state = Lock<(registrations: [Registration], left: Bool)>(([], false))

    package init() {}

    /// Adds an input's registration; leaves it at once if the combinator has ended meanwhile.
    package func add(_ registration: Registration) {
        if !keep(registration) { registration.cancel() }
    }

    /// Keeps a registration; false if the combinator has ended.
    func keep(_ registration: Registration) -> Bool {
        state.withLock { state in
            if !state.left { state.registrations.append(registration) }
            return !state.left
        }
    }

    /// Leaves all inputs; those that nobody else observes are cancelled.
    @discardableResult
    package func cancelAll() -> CancellationAnswer {
        take().reduce(.tooLate) { answer, registration in
            registration.cancel() == .stopped ? .stopped : answer
        }
    }

    /// Leaves all inputs, which go on.
    package func withdrawAll() { for registration in take() { registration.withdraw() } }

    private func take() -> [Registration] {
        state.withLock { state in
            state.left = true
            defer { state.registrations = [] }
            return state.registrations
        }
    }
}

/// When a join of several inputs fails.
public enum FailurePolicy: Sendable {
    /// With the first failure in time; the others go on (asyncio: gather).
    case early
    /// When all inputs are complete, with the first failure in argument order (Tornado: multi).
    case afterAll
}

/// Counts the outcomes of a join's inputs.
final class JoinState<Value: Sendable>: Sendable {
    struct State {
        var outcomes: [Result<Value, any Error>?]
        var missing: Int
    }

    private let state: Lock<State>

    init(count: Int) {
        state = Lock(State(outcomes: Array(repeating: nil, count: count), missing: count))
    }

    /// Stores an outcome; returns all of them when it was the last.
    func store(_ outcome: Result<Value, any Error>, at index: Int) -> [Result<Value, any Error>]? {
        state.withLock { state in
            guard state.outcomes[index] == nil else { return nil }
            state.outcomes[index] = outcome
            state.missing -= 1
            return state.missing == 0 ? state.outcomes.compactMap { $0 } : nil
        }
    }

}

/// Tells of the failures that are not the join's own outcome.
struct SecondaryFailures: Sendable {
    /// Positions at which a future stands that was given before: its failure is one, however often it was given.
    private let duplicates: Set<Int>

    init(_ inputs: [some Awaitable]) {
        var seen: Set<ObjectIdentifier> = []
        var duplicates: Set<Int> = []
        for (index, input) in inputs.enumerated() {
            if let core = unsafe input._core?.takeUnretainedValue(), !seen.insert(ObjectIdentifier(core)).inserted {
                duplicates.insert(index)
            }
        }
        self.duplicates = duplicates
    }

    func report(_ error: any Error, at index: Int) {
        if error is CancellationError || duplicates.contains(index) { return }
        Reporter.report(.secondaryFailure(error: error, combinator: "Future.all"))
    }
}
