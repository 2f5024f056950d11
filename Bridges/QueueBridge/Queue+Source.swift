// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

extension Queue: EventSource {
    /// Takes elements for a handler, as many as it asks for; the end is the queue's closing.
    ///
    /// - Executor: The handler runs where elements are put.
    /// - Cancellation: Leaving loses no element: one that was on its way stays the next.
    public func subscribe(
        demand: Demand,
        _ handler: @escaping @Sendable (SourceEvent<Element>) -> Void
    ) -> Subscription {
        _subscribe(_Consumer(demand: demand, handler))
    }

    /// Elements that the consumer is not called with go back to where they came from.
    public func _subscribe(_ consumer: _Consumer<Element>) -> Subscription {
        let core = core
        return Taker(take: { try core.get() }, putBack: { core.putBack($0) }).begin(consumer)
    }

    /// The next element: ``get()``.
    public func next() -> Call<Element> { get() }
}

extension Queue: AsyncSequence {
    /// An iterator never fails.
    public typealias Failure = any Error

    /// Iterates asynchronously; several iterators share the elements.
    public struct AsyncIterator: AsyncIteratorProtocol {
        @usableFromInline let core: QueueCore<Element>

        /// The next element, nil when the queue is closed and empty.
        ///
        /// - Cancellation: Throws `CancellationError`; no element is lost.
        @inlinable
        public mutating func next() async throws -> Element? {
            do { return try await core.get().value } catch is QueueClosed { return nil }
        }
    }

    /// Makes an iterator.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(core: core) }

    /// Blocks for the next element, nil when the queue is closed and empty: for greenlets and plain threads.
    ///
    ///     while let job = try jobs.waitNext() { … }
    ///
    /// - Errors: ``/Futures/TimedOut``; what `wait()` throws where it is refused.
    @available(*, noasync, message: "use `for try await`, or `try await queue.get().value`")
    @inlinable
    public func waitNext(timeout: Duration? = nil) throws -> Element? {
        do { return try core.get(waiting: timeout) } catch is QueueClosed { return nil }
    }
}
