// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

extension Future where Success == Void {
    // These stand in an extension for one type so that `Future.all(…)` can be written without naming a type.

    /// All values, in the order of the inputs.
    ///
    /// - Executor: Completes where the last (or the first failing) input does.
    /// - Cancellation: Cancelling the result leaves every input. A cancelled input fails the result with
    ///   `CancellationError`. A failure does not cancel the other inputs.
    /// - Errors: One input's, see ``FailurePolicy``; the others' failures go to the ``Reporter``.
    /// - Complexity: O(n). No inputs give an empty array at once.
    public static func all<Input: Awaitable>(
        _ inputs: some Sequence<Input>,
        failing policy: FailurePolicy = .early,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Future<[Input.Success]> where Input.Success: Sendable {
        join(Array(inputs), policy, fileID: fileID, line: line) { $0 }
    }

    /// All values, as a tuple.
    ///
    /// - Executor: As with an array of inputs.
    /// - Cancellation: As with an array of inputs.
    /// - Errors: As with an array of inputs.
    /// - Complexity: O(n), with one more future for each input.
    public static func all<each Input: Awaitable>(
        _ input: repeat each Input,
        failing policy: FailurePolicy = .early,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Future<(repeat (each Input).Success)> where repeat (each Input).Success: Sendable {
        var erased: [Future<any Sendable>] = []
        for input in repeat each input { erased.append(input.future().map { $0 as any Sendable }) }
        return join(erased, policy, fileID: fileID, line: line) { values in
            var iterator = values.makeIterator()
            func next<Value>(_: Value.Type) -> Value { iterator.next()! as! Value }
            return (repeat next((each Input).Success.self))
        }
    }

    private static func join<Input: Awaitable, Value: Sendable>(
        _ inputs: [Input],
        _ policy: FailurePolicy,
        fileID: StaticString,
        line: UInt,
        _ finish: @escaping @Sendable ([Input.Success]) -> Value
    ) -> Future<Value> where Input.Success: Sendable {
        let result = Future<Value>(_fileID: fileID, line: line)
        guard !inputs.isEmpty else {
            _ = result._complete(.success(finish([])))
            return result
        }
        let state = JoinState<Input.Success>(count: inputs.count)
        let registrations = JoinInputs()
        let secondary = SecondaryFailures(inputs)
        result._setCanceller { registrations.cancelAll() }
        for (index, input) in inputs.enumerated() {
            registrations.add(
                input.observe { outcome in
                    if policy == .early, case .failure(let error) = outcome {
                        if !result._complete(.failure(error)) { secondary.report(error, at: index) }
                    }
                    guard let outcomes = state.store(outcome, at: index) else { return }
                    settle(result, outcomes, policy, secondary, finish)
                }
            )
        }
        return result
    }

    private static func settle<Input: Sendable, Value: Sendable>(
        _ result: Future<Value>,
        _ outcomes: [Result<Input, any Error>],
        _ policy: FailurePolicy,
        _ secondary: SecondaryFailures,
        _ finish: ([Input]) -> Value
    ) {
        var values: [Input] = []
        var failures: [(error: any Error, index: Int)] = []
        for (index, outcome) in outcomes.enumerated() {
            switch outcome {
            case .success(let value): values.append(value)
            case .failure(let error): failures.append((error, index))
            }
        }
        guard let first = failures.first else {
            _ = result._complete(.success(finish(values)))
            return
        }
        guard policy == .afterAll else { return }
        _ = result._complete(.failure(first.error))
        for failure in failures.dropFirst() { secondary.report(failure.error, at: failure.index) }
    }

    /// All outcomes, in the order of the inputs; never fails.
    ///
    /// - Executor: Completes where the last input does.
    /// - Cancellation: Cancelling the result leaves every input.
    /// - Errors: None: a failed or cancelled input is an outcome.
    /// - Complexity: O(n). No inputs give an empty array at once.
    public static func allSettled<Input: Awaitable>(
        _ inputs: some Sequence<Input>,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Future<[Result<Input.Success, any Error>]> where Input.Success: Sendable {
        let inputs = Array(inputs)
        let result = Future<[Result<Input.Success, any Error>]>(_fileID: fileID, line: line)
        guard !inputs.isEmpty else {
            _ = result._complete(.success([]))
            return result
        }
        let state = JoinState<Input.Success>(count: inputs.count)
        let registrations = JoinInputs()
        result._setCanceller { registrations.cancelAll() }
        for (index, input) in inputs.enumerated() {
            registrations.add(
                input.observe { outcome in
                    if let outcomes = state.store(outcome, at: index) { _ = result._complete(.success(outcomes)) }
                }
            )
        }
        return result
    }

    /// All outcomes, as a tuple of results; never fails.
    ///
    /// - Executor: As with an array of inputs.
    /// - Cancellation: As with an array of inputs.
    /// - Errors: None.
    /// - Complexity: O(n), with one more future for each input.
    public static func allSettled<each Input: Awaitable>(
        _ input: repeat each Input,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Future<(repeat Result<(each Input).Success, any Error>)> where repeat (each Input).Success: Sendable {
        var erased: [Future<any Sendable>] = []
        for input in repeat each input { erased.append(input.future().map { $0 as any Sendable }) }
        return allSettled(erased, fileID: fileID, line: line).map { outcomes in
            var iterator = outcomes.makeIterator()
            func next<Value>(_: Value.Type) -> Result<Value, any Error> { iterator.next()!.map { $0 as! Value } }
            return (repeat next((each Input).Success.self))
        }
    }
}
