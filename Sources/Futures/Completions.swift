// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// One outcome among several, with the key of its input.
public struct Completion<Key: Sendable, Success: Sendable>: Sendable {
    /// The position or key of the input.
    public let key: Key
    /// How it ended.
    public let outcome: Result<Success, any Error>

    /// Makes a completion; for sources of one's own.
    public init(key: Key, outcome: Result<Success, any Error>) {
        self.key = key
        self.outcome = outcome
    }

    /// The value, or the input's error thrown.
    public func get() throws -> Success { try outcome.get() }
}

/// The outcomes of several inputs, in the order they complete (Tornado: WaitIterator; asyncio: as_completed).
///
/// Inputs that are complete come first, in argument order; the same input given twice comes twice. An error is an outcome
/// like another: it does not end the sequence. All iterators draw from the one supply.
///
/// Iterate with `for await`, with ``next(fileID:line:)`` in any style, or blocking in a greenlet:
///
///     while let completion = try completions.waitNext() { … }
///
/// - Cancellation: Dropping the sequence leaves the inputs running. Cancelling a `next()` loses no outcome.
public struct Completions<Key: Sendable, Success: Sendable>: AsyncSequence, Sendable {
    /// One outcome.
    public typealias Element = Completion<Key, Success>
    /// The sequence itself never fails: errors are elements.
    public typealias Failure = any Error

    private final class Supply: Sendable {
        struct State {
            var ready: [Element?] = []
            var head = 0
            var missing: Int
            var waiters: [Future<Void>] = []
        }

        let total: Int
        let state: Lock<State>

        init(total: Int) {
            self.total = total
            state = Lock(State(missing: total))
        }

        func deliver(_ element: Element) {
            wake { state in
                state.ready.append(element)
                state.missing -= 1
            }
        }

        /// Gives back what a consumer took that had been cancelled meanwhile.
        func putBack(_ element: Element) {
            wake { state in
                // A taken element leaves its slot, unless the slots were cleared: then this is the only one.
                if state.head == 0 {
                    state.ready.insert(element, at: 0)
                } else {
                    state.head -= 1
                    state.ready[state.head] = element
                }
            }
        }

        /// A wake is only a wake: a waiter that was cancelled meanwhile takes nothing with it (T24).
        private func wake(_ change: (inout State) -> Void) {
            let waiters = state.withLock { state in
                change(&state)
                defer { state.waiters = [] }
                return state.waiters
            }
            for waiter in waiters { _ = waiter._complete(.success(())) }
        }

        enum Step { case element(Element), end, wait(Future<Void>) }

        func step() -> Step {
            state.withLock { state in
                if state.head < state.ready.count {
                    let element = state.ready[state.head].take()!
                    state.head += 1
                    if state.head == state.ready.count { (state.ready, state.head) = ([], 0) }
                    return .element(element)
                }
                if state.missing == 0 { return .end }
                state.waiters.removeAll { $0.isCompleted }
                let waiter = Future<Void>.pending()
                state.waiters.append(waiter)
                return .wait(waiter)
            }
        }
    }

    /// Held by those who may still take: with the last of them nothing stays with the inputs.
    private final class Handle: Sendable {
        let supply: Supply
        private let registrations: [Registration]

        init(_ inputs: [(Key, some Awaitable<Success>)]) {
            let supply = Supply(total: inputs.count)
            self.supply = supply
            registrations = inputs.map { key, input in
                input.observe { outcome in supply.deliver(Completion(key: key, outcome: outcome)) }
            }
        }

        deinit { for registration in registrations { registration.withdraw() } }
    }

    private let handle: Handle
    private var supply: Supply { handle.supply }

    init(_ inputs: [(Key, some Awaitable<Success>)]) { handle = Handle(inputs) }

    /// The next outcome, nil at the end; nothing is taken until a verb is used.
    public func next(fileID: StaticString = #fileID, line: UInt = #line) -> Call<Element?> {
        Call(start: { [handle] in
            let result = Future<Element?>.pending(fileID: fileID, line: line)
            Self.take(from: handle, into: result)
            return result
        })
    }

    private static func take(from handle: Handle, into result: Future<Element?>) {
        if result.isCompleted { return }
        switch handle.supply.step() {
        case .element(let element):
            if !result._complete(.success(element)) { handle.supply.putBack(element) }
        case .end: _ = result._complete(.success(nil))
        case .wait(let waiter):
            result._setCanceller {
                waiter.cancel()
                return .stopped
            }
            _ = waiter.observe { outcome in
                if case .success = outcome { take(from: handle, into: result) }
            }
        }
    }

    /// Blocks for the next outcome, nil at the end: for greenlets and plain threads.
    ///
    /// - Errors: ``TimedOut``, saying how many of the inputs are complete; what `wait()` throws where it is refused.
    @available(*, noasync, message: "use `for await`, or `try await next().value`")
    public func waitNext(timeout: Duration? = nil) throws -> Element? {
        do {
            return try next().wait(timeout: timeout)
        } catch let error as TimedOut {
            let missing = supply.state.withLock { $0.missing }
            throw TimedOut(
                after: error.limit,
                waitingFor: "\(missing) of \(supply.total) inputs of asCompleted, of which the next one"
            )
        }
    }

    /// Iterates asynchronously.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let completions: Completions

        /// The next outcome, nil at the end.
        ///
        /// - Cancellation: Throws `CancellationError`; no outcome is lost.
        public mutating func next() async throws -> Element? { try await completions.next().value }
    }

    /// Makes an iterator on the one supply.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(completions: self) }
}

extension Future where Success == Void {
    /// The outcomes in the order they complete, keyed by position.
    ///
    /// - Executor: Registers at every input at once, on the calling thread; where outcomes arrive is the iterator's affair.
    /// - Cancellation: Cancels nobody, see ``Completions``.
    /// - Errors: None: a failure is an outcome.
    /// - Complexity: O(n); each outcome O(1).
    public static func asCompleted<Input: Awaitable>(
        _ inputs: some Sequence<Input>
    ) -> Completions<Int, Input.Success> where Input.Success: Sendable {
        Completions(inputs.enumerated().map { ($0.offset, $0.element) })
    }

    /// The outcomes in the order they complete, with the keys of the dictionary; like the form with positions in all else.
    public static func asCompleted<Key: Hashable & Sendable, Input: Awaitable>(
        _ inputs: [Key: Input]
    ) -> Completions<Key, Input.Success> where Input.Success: Sendable {
        Completions(inputs.map { ($0.key, $0.value) })
    }
}
