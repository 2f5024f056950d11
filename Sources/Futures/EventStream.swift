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
/// - Cancellation: Leaving a `next()` loses no element. Dropping the stream ends the subscription; what it had asked for and
///   nobody took goes back to a source that keeps its elements.
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

/// Those who wait for an element of a stream. What nobody waits for stays with the source.
private final class EventSupply<Element: Sendable>: Sendable {
    private struct State {
        var waiters = _Ring<Future<Element?>>()
        /// The one who gets the element that is about to come.
        var claimed: Future<Element?>?
        /// How many elements have been asked for and have not come.
        var asked = 0
        var end: SourceEvent<Element>?

        /// The end, for one waiter: the error goes to the first, and is the end of it.
        mutating func takeEnd() -> Result<Element?, any Error> {
            guard case .end(let error?) = end else { return .success(nil) }
            end = .end(nil)
            return .failure(error)
        }
    }

    private let state = Lock(State())
    private let place = SubscriptionPlace()

    func begin(_ source: some EventSource<Element>) {
        // Weak: the source keeps its handlers, and dropping the stream is how its user leaves.
        place.fill(
            source._subscribe(
                _Consumer(demand: .none, claims: { [weak self] _ in self?.claim() ?? false }) { [weak self] event in
                    self?.receive(event)
                }
            )
        )
    }

    deinit { place.cancel() }

    func next() -> Future<Element?> {
        let result = Future<Element?>.pending()
        let (end, isShort) = state.withLock { state -> (Result<Element?, any Error>?, Bool) in
            if state.end != nil { return (state.takeEnd(), false) }
            state.waiters.append(result)
            let isShort = state.asked < state.waiters.count
            if isShort { state.asked += 1 }
            return (nil, isShort)
        }
        if let end {
            _ = result._complete(end)
            return result
        }
        // Who waits holds the supply.
        result._setCanceller { [unowned result] in
            self.leave(result)
            // Nobody claims it from now on.
            return .stopped
        }
        if isShort { place.request(1) }
        return result
    }

    func cancel() {
        place.cancel()
        receive(.end(nil))
    }

    /// Finds the first who still waits.
    private func claim() -> Bool {
        state.withLock { state in
            // Who cannot be claimed is about to leave the line by himself.
            guard let waiter = state.waiters.removeFirst(where: { $0._claimUnlessCancelled() }) else {
                // What was asked for is not to come any more.
                state.asked = 0
                return false
            }
            state.claimed = waiter
            // It has come: who asks from here on asks for another one.
            state.asked = max(0, state.asked - 1)
            return true
        }
    }

    private func receive(_ event: SourceEvent<Element>) {
        switch event {
        case .next(let element):
            let waiter = state.withLock { $0.claimed.take() }
            waiter?._settle(value: element)
        case .end:
            // Also claimed: the error is not for one who is about to leave.
            let outcomes = state.withLock { state in
                if state.end == nil { state.end = event }
                var outcomes: [(Future<Element?>, Result<Element?, any Error>)] = []
                while let waiter = state.waiters.removeFirst(where: { $0._claimUnlessCancelled() }) {
                    outcomes.append((waiter, state.takeEnd()))
                }
                return outcomes
            }
            for (waiter, outcome) in outcomes { waiter._settle(outcome: outcome) }
        }
    }

    private func leave(_ waiter: Future<Element?>) {
        let left = state.withLock { $0.waiters.removeFirst { $0 === waiter } }
        _ = consume left
    }
}
