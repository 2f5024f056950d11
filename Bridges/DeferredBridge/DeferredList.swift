// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// What a `list` of Deferreds came to.
public enum DeferredListResult<Element: Sendable>: Sendable {
    /// Every input's outcome, in the order of the inputs.
    case all([Result<Element, any Error>])
    /// With `fireOnOneCallback`: the first value, and the place of its input.
    case first(Element, index: Int)
}

extension Deferred where Success == Void {
    // These stand in an extension for one type so that `Deferred.list(…)` can be written without naming a type.

    /// The outcomes of all inputs, in their order (Twisted: DeferredList).
    ///
    /// The inputs keep their results, and can be used on.
    ///
    /// - Executor: Fires where the input does that decides it.
    /// - Cancellation: Cancelling an unfired list cancels every input, also one that waits for a Deferred that a stage has
    ///   returned (Twisted issue 7856). The list then fires with what they came to.
    /// - Errors: With `fireOnOneErrback`, ``FirstError``. No inputs give an empty `.all` at once, with `fireOnOneCallback`
    ///   ``/Futures/EmptyInput``; in Twisted that list never fires.
    /// - Complexity: O(n).
    /// - Parameters:
    ///   - fireOnOneCallback: Fire with the first value.
    ///   - fireOnOneErrback: Fail with the first error.
    ///   - consumeErrors: The inputs' failures count as handled: they are not reported when the inputs are released.
    public static func list<Element: Sendable>(
        _ inputs: [Deferred<Element>],
        fireOnOneCallback: Bool = false,
        fireOnOneErrback: Bool = false,
        consumeErrors: Bool = false,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Deferred<DeferredListResult<Element>> {
        let inputsToCancel = WeakDeferreds(inputs)
        let list = Deferred<DeferredListResult<Element>>(fileID: fileID, line: line) { _ in inputsToCancel.cancel() }
        if inputs.isEmpty {
            if fireOnOneCallback {
                list.settle(.failure(EmptyInput("Deferred.list(fireOnOneCallback: true)")))
            } else {
                list.settle(value: .all([]))
            }
            return list
        }
        let outcomes = Outcomes<Element>(count: inputs.count)
        for (index, input) in inputs.enumerated() {
            input.watch(handles: consumeErrors) { result in
                switch result {
                case .success(let value) where fireOnOneCallback: list.settle(value: .first(value, index: index))
                case .failure(let error) where fireOnOneErrback:
                    list.settle(.failure(FirstError(error: error, index: index)))
                default: break
                }
                if let all = outcomes.set(result, at: index) { list.settle(value: .all(all)) }
            }
        }
        return list
    }

    /// All values, in the order of the inputs, or the first error (Twisted: gatherResults).
    ///
    /// - Executor: Fires where the last input does, or the first that fails. The others go on.
    /// - Cancellation: Cancelling the result cancels every input, and then ends with `CancellationError`, as it does when an
    ///   input is cancelled.
    /// - Errors: ``FirstError``. No inputs give an empty array at once.
    /// - Complexity: O(n).
    public static func gatherResults<Element: Sendable>(
        _ inputs: [Deferred<Element>],
        consumeErrors: Bool = false,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Deferred<[Element]> {
        list(inputs, fireOnOneErrback: true, consumeErrors: consumeErrors, fileID: fileID, line: line)
            .then(
                fileID: fileID,
                line: line,
                { result in
                    guard case .all(let all) = result else { return [] }
                    return try all.map { try $0.get() }
                },
                errback: { error in
                    // A cancelled input is a cancelled result, in every combinator.
                    if let first = error as? FirstError, first.error is CancellationError { throw first.error }
                    throw error
                }
            )
    }

    /// The first value, and the place of its input; the others are cancelled (Twisted: race).
    ///
    /// - Executor: Fires where the winner does, after the losers were cancelled there.
    /// - Cancellation: Every loser is cancelled once; what it still comes to is silent. Cancelling the result cancels every
    ///   input, and ends with `CancellationError`.
    /// - Errors: ``FailureGroup`` if all inputs have failed, `CancellationError` if all were cancelled. No inputs are an
    ///   ``/Futures/EmptyInput``; in Twisted that race never fires.
    /// - Complexity: O(n).
    public static func race<Element: Sendable>(
        _ inputs: [Deferred<Element>],
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Deferred<(index: Int, value: Element)> {
        let inputsToCancel = WeakDeferreds(inputs)
        let race = Deferred<(index: Int, value: Element)>(fileID: fileID, line: line) { _ in inputsToCancel.cancel() }
        if inputs.isEmpty {
            race.settle(.failure(EmptyInput("Deferred.race")))
            return race
        }
        let outcomes = Outcomes<Element>(count: inputs.count)
        for (index, input) in inputs.enumerated() {
            input.watch(handles: true) { result in
                if case .success(let value) = result, outcomes.win() {
                    inputsToCancel.cancel(except: index)
                    race.settle(value: (index, value))
                }
                guard let errors = outcomes.set(result, at: index)?.compactMap(\.failure), errors.count == inputs.count
                else {
                    return
                }
                let isCancelled = errors.allSatisfy { $0 is CancellationError }
                race.settle(.failure(isCancelled ? CancellationError() : FailureGroup(errors: errors)))
            }
        }
        return race
    }
}

extension Result {
    fileprivate var failure: Failure? {
        if case .failure(let error) = self { error } else { nil }
    }
}

/// The inputs of a combinator, for its canceller, which must not keep alive what is to fire.
private final class WeakDeferreds<Element: Sendable>: Sendable {
    private struct Entry { weak var deferred: Deferred<Element>? }

    private let entries: Lock<[Entry]>

    init(_ deferreds: [Deferred<Element>]) { entries = Lock(deferreds.map { Entry(deferred: $0) }) }

    func cancel(except winner: Int? = nil) {
        let deferreds = entries.withLock { entries in
            entries.enumerated().map { $0.offset == winner ? nil : $0.element.deferred }
        }
        for deferred in deferreds { deferred?.cancel() }
    }
}

/// The outcomes of a combinator's inputs, as they come.
private final class Outcomes<Element: Sendable>: Sendable {
    private struct State {
        var results: [Result<Element, any Error>?]
        var missing: Int
        var isWon = false
    }

    private let state: Lock<State>

    init(count: Int) { state = Lock(State(results: Array(repeating: nil, count: count), missing: count)) }

    /// Keeps one outcome; with the last one, all of them.
    func set(_ result: Result<Element, any Error>, at index: Int) -> [Result<Element, any Error>]? {
        state.withLock { state in
            state.results[index] = result
            state.missing -= 1
            return state.missing == 0 ? state.results.compactMap { $0 } : nil
        }
    }

    /// True for the first.
    func win() -> Bool {
        state.withLock { state in
            defer { state.isWon = true }
            return !state.isWon
        }
    }
}
