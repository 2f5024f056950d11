// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

extension AsyncSequence where Self: Sendable, Element: Sendable {
    /// The sequence as an event source: each subscription iterates it in a task of its own.
    ///
    /// A step is taken when the handler asks for an element: back-pressure reaches the sequence.
    ///
    /// - Executor: Handlers run in that task, on the global executor.
    /// - Cancellation: Leaving cancels the task.
    /// - Errors: What the sequence throws is the end.
    public func events() -> SequenceSource<Self> { SequenceSource(self) }
}

/// An `AsyncSequence` as an event source; see `AsyncSequence.events()`.
public struct SequenceSource<Sequence: AsyncSequence & Sendable>: EventSource where Sequence.Element: Sendable {
    /// The sequence's elements.
    public typealias Element = Sequence.Element

    private let sequence: Sequence

    init(_ sequence: Sequence) { self.sequence = sequence }

    /// Starts a task that iterates the sequence.
    public func subscribe(
        demand: Demand,
        _ handler: @escaping @Sendable (SourceEvent<Element>) -> Void
    ) -> Subscription {
        let gate = DemandGate(demand)
        let task = Task {
            do {
                var iterator = sequence.makeAsyncIterator()
                while try await gate.pass() {
                    guard let element = try await iterator.next() else {
                        gate.end { handler(.end(nil)) }
                        return
                    }
                    gate.whileOpen { handler(.next(element)) }
                }
            } catch {
                gate.end { handler(.end(error)) }
            }
        }
        return Subscription(
            request: { gate.add($0) },
            cancel: {
                defer { task.cancel() }
                return gate.close()
            }
        )
    }
}

/// Lets the iterating task pass as often as the handler has asked for an element.
private final class DemandGate: Sendable {
    private struct State {
        var demand: Demand
        var isOpen = true
        var waiter: Future<Void>?
    }

    private let state: Lock<State>

    init(_ demand: Demand) { state = Lock(State(demand: demand)) }

    /// False when the gate is closed.
    func pass() async throws -> Bool {
        while true {
            let waiter = state.withLock { state -> Future<Void>? in
                guard state.isOpen, state.demand == .none else { return nil }
                let waiter = Future<Void>.pending()
                state.waiter = waiter
                return waiter
            }
            guard let waiter else { break }
            try await waiter.value
        }
        return state.withLock { state in
            guard state.isOpen, state.demand != .none else { return false }
            if state.demand != .unlimited { state.demand = Demand(state.demand.count - 1) }
            return true
        }
    }

    func add(_ more: Demand) {
        let waiter = state.withLock { state in
            state.demand = state.demand + more
            defer { state.waiter = nil }
            return state.waiter
        }
        _ = waiter?._succeed(())
    }

    func whileOpen(_ body: () -> Void) {
        if state.withLock({ $0.isOpen }) { body() }
    }

    func end(_ body: () -> Void) {
        if close() == .stopped { body() }
    }

    func close() -> CancellationAnswer {
        let (wasOpen, waiter) = state.withLock { state in
            defer { (state.isOpen, state.waiter) = (false, nil) }
            return (state.isOpen, state.waiter)
        }
        _ = waiter?._succeed(())
        return wasOpen ? .stopped : .tooLate
    }
}
