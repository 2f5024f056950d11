// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// The elements of a source, taken one by one in any style; nil is the end.
///
///     for try await line in lines.stream() { … }                     // async code
///     while let line = try stream.waitNext() { … }                   // a greenlet, or a plain thread
///     stream.next().callback { outcome in … }                        // everything else
///
/// All who take share the one supply: each element goes to one of them, in the order they asked.
///
/// - Cancellation: Leaving a `next()` loses no element. Dropping the stream ends the subscription.
/// - Errors: The error the source ends with is thrown once; after that the stream is at its end.
public struct EventStream<Element: Sendable>: AsyncSequence, Sendable {
    /// What the source's end may be.
    public typealias Failure = any Error

    private let supply: EventSupply<Element>

    init(_ source: some EventSource<Element>) {
        supply = EventSupply()
        supply.begin(source)
    }

    /// The next element, nil at the end; nothing is asked of the source until a verb is used.
    public func next() -> Call<Element?> { Call(from: { [supply] in supply.next() }) }

    /// Blocks for the next element, nil at the end: for greenlets and plain threads.
    ///
    /// - Errors: ``TimedOut``; the source's; what `wait()` throws where it is refused.
    @available(*, noasync, message: "use `for try await`, or `try await next().value`")
    public func waitNext(timeout: Duration? = nil) throws -> Element? { try next().wait(timeout: timeout) }

    /// Leaves the source: whoever waits, and whoever comes, is at the end.
    public func cancel() { supply.cancel() }

    /// Iterates asynchronously.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let stream: EventStream

        /// The next element, nil at the end.
        ///
        /// - Cancellation: Throws `CancellationError`; no element is lost.
        public mutating func next() async throws -> Element? { try await stream.next().value }
    }

    /// Makes an iterator on the one supply.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(stream: self) }
}

/// What the source has delivered, and who waits for more.
private final class EventSupply<Element: Sendable>: Sendable {
    private struct State {
        var ready = _Ring<Element>()
        var end: SourceEvent<Element>?
        var waiters = _Ring<Future<Element?>>()
        /// How many elements have been asked for and are not there.
        var asked = 0

        /// The end, for one waiter: the error goes to the first, and is the end of it.
        mutating func finish(_ waiter: Future<Element?>) -> [(Future<Element?>, Result<Element?, any Error>)] {
            guard case .end(let error?) = end else { return [(waiter, .success(nil))] }
            end = .end(nil)
            return [(waiter, .failure(error))]
        }
    }

    private let state = Lock(State())
    private let place = SubscriptionPlace()

    func begin(_ source: some EventSource<Element>) {
        // Weak: the source keeps its handlers, and dropping the stream is how its user leaves.
        place.fill(source.subscribe(demand: .none) { [weak self] event in self?.receive(event) })
    }

    deinit { place.cancel() }

    func next() -> Future<Element?> {
        let result = Future<Element?>.pending()
        let step = state.withLock { state -> Step in
            if state.waiters.isEmpty, let element = state.ready.popFirst() {
                return .deliver([(result, .success(element))])
            }
            if state.end != nil { return .deliver(state.finish(result)) }
            state.waiters.append(result)
            let isShort = state.asked < state.waiters.count
            if isShort { state.asked += 1 }
            return .wait(isShort)
        }
        switch step {
        case .deliver(let outcomes): deliver(outcomes)
        case .wait(let isShort):
            // The lock decides whether the waiter has left or has an element.
            result._setDisposal { [weak self] element in if let element { self?.putBack(element) } }
            result._setCanceller { [weak self, unowned result] in self?.leave(result) ?? .stopped }
            if isShort { place.request(1) }
        }
        return result
    }

    func cancel() {
        place.cancel()
        receive(.end(nil))
    }

    private enum Step {
        case deliver([(Future<Element?>, Result<Element?, any Error>)])
        case wait(Bool)
    }

    private func receive(_ event: SourceEvent<Element>) {
        let outcomes = state.withLock { state -> [(Future<Element?>, Result<Element?, any Error>)] in
            switch event {
            case .next(let element):
                state.asked = max(0, state.asked - 1)
                if let waiter = state.waiters.popFirst() { return [(waiter, .success(element))] }
                state.ready.append(element)
                return []
            case .end:
                if state.end == nil { state.end = event }
                let waiters = state.waiters.removeAll()
                return waiters.flatMap { state.finish($0) }
            }
        }
        deliver(outcomes)
    }

    private func deliver(_ outcomes: [(Future<Element?>, Result<Element?, any Error>)]) {
        for (future, outcome) in outcomes { _ = future._complete(outcome) }
    }

    /// An element that was on its way to somebody who left: it is the next one again.
    private func putBack(_ element: Element) {
        let waiter = state.withLock { state -> Future<Element?>? in
            if let waiter = state.waiters.popFirst() { return waiter }
            state.ready.prepend(element)
            return nil
        }
        _ = waiter?._complete(.success(element))
    }

    private func leave(_ waiter: Future<Element?>) -> CancellationAnswer {
        state.withLock { $0.waiters.removeFirst { $0 === waiter } } == nil ? .tooLate : .stopped
    }
}
