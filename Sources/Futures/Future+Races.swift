// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

extension Future where Success == Void {
    /// The first outcome of any kind. The losers are left; those nobody else observes are cancelled (Twisted: race).
    ///
    /// - Executor: Completes where the first input does.
    /// - Cancellation: Cancelling the result leaves every input. A cancelled input that comes first cancels the result.
    /// - Errors: The first input's; ``EmptyInput`` without inputs.
    /// - Complexity: O(n).
    public static func race<Input: Awaitable>(
        _ inputs: some Sequence<Input>,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Future<Input.Success> where Input.Success: Sendable {
        let inputs = Array(inputs)
        let result = Future<Input.Success>(_fileID: fileID, line: line)
        guard !inputs.isEmpty else {
            _ = result._complete(.failure(EmptyInput("Future.race")))
            return result
        }
        let registrations = JoinInputs()
        result._setCanceller { registrations.cancelAll() }
        for input in inputs {
            registrations.add(
                input.observe { outcome in
                    if result._complete(outcome) { registrations.cancelAll() }
                }
            )
        }
        return result
    }

    /// The first outcome of any kind, of inputs of any styles and one value type.
    ///
    ///     let first = Future.race(fetch(url), cached.map(Answer.cached), task)
    ///
    /// Inputs of different values are brought to one type first, with `map`: the result needs one, and only the caller can
    /// say which. Everything else is as with a sequence of inputs.
    public static func race<Value: Sendable>(
        _ inputs: any Awaitable<Value>...,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Future<Value> {
        race(inputs.map { $0.future() as Future<Value> }, fileID: fileID, line: line)
    }

    /// The first success. The losers are left; those nobody else observes are cancelled.
    ///
    /// - Executor: Completes where the first successful input does, or the last one.
    /// - Cancellation: Cancelling the result leaves every input. A cancelled input counts as a failed one; if all were
    ///   cancelled, the result is.
    /// - Errors: ``AllFailed`` with all errors; ``EmptyInput`` without inputs.
    /// - Complexity: O(n).
    public static func any<Input: Awaitable>(
        _ inputs: some Sequence<Input>,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Future<Input.Success> where Input.Success: Sendable {
        let inputs = Array(inputs)
        let result = Future<Input.Success>(_fileID: fileID, line: line)
        guard !inputs.isEmpty else {
            _ = result._complete(.failure(EmptyInput("Future.any")))
            return result
        }
        let state = JoinState<Input.Success>(count: inputs.count)
        let registrations = JoinInputs()
        result._setCanceller { registrations.cancelAll() }
        for (index, input) in inputs.enumerated() {
            registrations.add(
                input.observe { outcome in
                    if case .success = outcome {
                        if result._complete(outcome) { registrations.cancelAll() }
                    } else if let outcomes = state.store(outcome, at: index) {
                        _ = result._complete(.failure(Self.failure(of: outcomes)))
                    }
                }
            )
        }
        return result
    }

    /// The first success, of inputs of any styles and one value type; bring others to it with `map`. Everything else is as
    /// with a sequence of inputs.
    public static func any<Value: Sendable>(
        _ inputs: any Awaitable<Value>...,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Future<Value> {
        any(inputs.map { $0.future() as Future<Value> }, fileID: fileID, line: line)
    }

    private static func failure<Value>(of outcomes: [Result<Value, any Error>]) -> any Error {
        let errors = outcomes.compactMap { outcome -> (any Error)? in
            if case .failure(let error) = outcome { error } else { nil }
        }
        return errors.allSatisfy { $0 is CancellationError } ? CancellationError() : AllFailed(errors: errors)
    }

    /// The position and outcome of the input that completes first; the others are left running.
    ///
    /// - Executor: Completes where the first input does.
    /// - Cancellation: Cancels nobody: the result only leaves its inputs. A cancelled input is an outcome like another.
    /// - Errors: ``EmptyInput`` without inputs; a failed input is an outcome.
    /// - Complexity: O(n).
    public static func firstCompleted<Input: Awaitable>(
        of inputs: some Sequence<Input>,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Future<Completion<Int, Input.Success>> where Input.Success: Sendable {
        let inputs = Array(inputs)
        let result = Future<Completion<Int, Input.Success>>(_fileID: fileID, line: line)
        guard !inputs.isEmpty else {
            _ = result._complete(.failure(EmptyInput("Future.firstCompleted")))
            return result
        }
        let registrations = JoinInputs()
        result._setCanceller {
            registrations.withdrawAll()
            return .stopped
        }
        for (index, input) in inputs.enumerated() {
            registrations.addObserver(
                input.observe { outcome in
                    if result._complete(.success(Completion(key: index, outcome: outcome))) {
                        registrations.withdrawAll()
                    }
                }
            )
        }
        return result
    }

    /// When ``settled(_:until:timeout:on:fileID:line:)`` ends.
    public enum WaitCondition: Sendable {
        /// One input is complete.
        case firstCompleted
        /// One input has failed, or all are complete. A cancelled input does not count as failed.
        case firstFailure
        /// All inputs are complete.
        case allCompleted
    }

    /// Which inputs are complete and which are pending once the condition holds or the time is up
    /// (concurrent.futures: wait).
    ///
    /// - Executor: Completes where the deciding input does, or on `loop` when the time is up; by default that is the current
    ///   loop, or a background thread where there is none.
    /// - Cancellation: Nobody is cancelled, by the result's cancellation neither. No observer is left behind.
    /// - Errors: None: a timeout gives what there is.
    /// - Complexity: O(n).
    /// - Returns: The positions, in the order of the inputs.
    public static func settled<Input: Awaitable>(
        _ inputs: some Sequence<Input>,
        until condition: WaitCondition = .allCompleted,
        timeout: Duration? = nil,
        on loop: (any Loop)? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Future<(done: [Int], pending: [Int])> where Input.Success: Sendable {
        let futures = inputs.map { $0.future() }
        let result = Future<(done: [Int], pending: [Int])>(_fileID: fileID, line: line)
        let registrations = JoinInputs()
        let finish = { @Sendable in
            let done = futures.indices.filter { futures[$0].isCompleted }
            let pending = Array(Set(futures.indices).subtracting(done)).sorted()
            if result._complete(.success((done, pending))) { registrations.withdrawAll() }
        }
        let state = JoinState<Input.Success>(count: futures.count)
        result._setCanceller {
            registrations.withdrawAll()
            return .stopped
        }
        for (index, future) in futures.enumerated() {
            registrations.addObserver(
                future.observe { outcome in
                    let isLast = state.store(outcome, at: index) != nil
                    var failed = false
                    if case .failure(let error) = outcome { failed = !(error is CancellationError) }
                    if isLast || condition == .firstCompleted || (condition == .firstFailure && failed) { finish() }
                }
            )
        }
        if futures.isEmpty { finish() }
        if let timeout, !result.isCompleted {
            let loop = loop ?? CurrentLoop.currentOrBackground
            for timer in [loop.whenClosed(finish), loop.schedule(after: timeout, finish)] {
                registrations.addObserver(
                    Registration(withdraw: timer.cancel, cancel: { timer.cancel() ? .stopped : .tooLate })
                )
            }
        }
        return result
    }
}

extension JoinInputs {
    /// Adds a registration that is withdrawn, not cancelled, if the combinator has ended.
    func addObserver(_ registration: Registration) {
        if !keep(registration) { registration.withdraw() }
    }
}
