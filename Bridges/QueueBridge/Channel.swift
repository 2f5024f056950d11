// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// A place where a sender and a receiver meet: nothing is stored, each waits for the other (Stackless: channel; Go's
/// unbuffered ones).
///
///     let numbers = Channel<Int>("numbers")
///     try numbers.send(1).wait()                       // a greenlet parks until somebody receives
///     for try await number in numbers { … }            // until the channel is closed
///
/// Senders meet receivers in the order they came. A cancelled, killed or timed-out waiter meets nobody, and nobody's element
/// is lost to it.
///
/// - Executor: An operation that has to wait completes where its counterpart is called.
/// - Cancellation: Takes the waiter out of the line; what it would have sent is not sent.
/// - Errors: ``QueueClosed``; an error that was sent.
/// - Complexity: O(1); leaving a line is O(n) in those who wait.
public final class Channel<Element: Sendable>: Sendable {
    @usableFromInline let core: ChannelCore<Element>

    /// Makes a channel.
    ///
    /// - Parameters:
    ///   - name: For errors and dumps.
    ///   - loop: The only loop whose greenlets, callbacks and tasks use it. Operations elsewhere throw ``ConfinedElsewhere``, and
    ///     greenlets that wait for each other there are told with `Deadlock` instead of hanging.
    public init(_ name: String? = nil, confinedTo loop: (any Loop)? = nil) {
        core = ChannelCore(
            name: name.map { "channel \"\($0)\"" } ?? "a channel of \(Element.self)",
            confinement: loop.map(Confinement.init)
        )
    }

    deinit { core.release() }

    /// Sends an element; waits until somebody receives it.
    @inlinable
    @inline(__always)
    public func send(_ element: Element) -> Call<Void> {
        Call(begin: { how in
            guard case .waiting(let timeout) = how else { return try self.core.send(.success(element)) }
            return .value(try self.core.send(.success(element), waiting: timeout))
        })
    }

    /// Sends an element, and blocks until somebody receives it: for greenlets and plain threads.
    ///
    /// The same as `send(element).wait(timeout:)`, with no ``/Futures/Call`` in between that hot loops would pay for.
    ///
    /// - Errors: As ``send(_:)``; `TimedOut`, and then nothing is sent.
    @available(*, noasync, message: "use `try await channel.send(element).value`")
    @inlinable
    public func waitSend(_ element: Element, timeout: Duration? = nil) throws {
        try core.send(.success(element), waiting: timeout)
    }

    /// Sends an error, which the one who receives it gets thrown.
    public func send(error: any Error) -> Call<Void> {
        Call(begin: { how in
            guard case .waiting(let timeout) = how else { return try self.core.send(.failure(error)) }
            return .value(try self.core.send(.failure(error), waiting: timeout))
        })
    }

    /// Sends all elements of a sequence, one after the other.
    ///
    /// - Returns: How many were received: less than there are if the channel was closed meanwhile.
    public func send(contentsOf elements: some Sequence<Element> & Sendable) -> Call<Int> {
        Call(async: {
            var count = 0
            for element in elements {
                do { try await self.send(element).value } catch is QueueClosed { break }
                count += 1
            }
            return count
        })
    }

    /// Receives an element; waits until somebody sends one.
    @inlinable
    @inline(__always)
    public func receive() -> Call<Element> {
        Call(begin: { how in
            guard case .waiting(let timeout) = how else { return try self.core.receive() }
            return .value(try self.core.receive(waiting: timeout))
        })
    }

    /// Sends an element if somebody waits for one.
    @inlinable
    public func trySend(_ element: Element) throws -> Bool { try core.trySend(.success(element)) }

    /// Receives an element if somebody waits to send one.
    @inlinable
    public func tryReceive() throws -> Element? { try core.tryReceive() }

    /// How many wait to send; below zero, how many wait to receive.
    public var balance: Int { core.state.withLock { $0.balance } }

    /// Which of two greenlets of one loop runs first when they meet, both waiting with `wait()` (Stackless: preference).
    ///
    /// Other code, and other threads, are resumed by their own executors and know no such order.
    public var preference: ChannelPreference {
        get { core.state.withLock { $0.preference } }
        set { core.state.withLock { $0.preference = newValue } }
    }

    /// Refuses all from now on, and wakes whoever waits (Stackless leaves them waiting).
    public func close() { core.close() }

    /// It was closed.
    public var isClosed: Bool { core.state.withLock { $0.isClosed } }
}

extension Channel: CustomStringConvertible {
    /// Its name, and who waits.
    public var description: String {
        core.state.withLock { state in
            "\(core.name): \(state.senders.count) waiting to send, \(state.receivers.count) to receive"
                + (state.isClosed ? ", closed" : "")
        }
    }
}

extension Channel: EventSource {
    /// Receives for a handler, as many elements as it asks for; the end is the channel's closing, or an error that was sent.
    ///
    /// - Executor: The handler runs where elements are sent.
    /// - Cancellation: Leaving loses no element: one that was on its way is the next that is received.
    public func subscribe(
        demand: Demand,
        _ handler: @escaping @Sendable (SourceEvent<Element>) -> Void
    ) -> Subscription {
        _subscribe(_Consumer(demand: demand, handler))
    }

    /// Elements that the consumer is not called with go to the next receiver.
    public func _subscribe(_ consumer: _Consumer<Element>) -> Subscription {
        let core = core
        return Taker(take: { try core.receive() }, putBack: { core.putBack($0) }).begin(consumer)
    }

    /// The next element: ``receive()``.
    public func next() -> Call<Element> { receive() }
}

extension Channel: AsyncSequence {
    /// What an iterator throws: an error that was sent.
    public typealias Failure = any Error

    /// Iterates asynchronously; several iterators share the elements.
    public struct AsyncIterator: AsyncIteratorProtocol {
        @usableFromInline let core: ChannelCore<Element>

        /// The next element, nil when the channel is closed.
        ///
        /// - Cancellation: Throws `CancellationError`; no element is lost.
        @inlinable
        public mutating func next() async throws -> Element? {
            do { return try await core.receive().value } catch is QueueClosed { return nil }
        }
    }

    /// Makes an iterator.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(core: core) }

    /// Blocks for the next element, nil when the channel is closed: for greenlets and plain threads.
    @available(*, noasync, message: "use `for try await`, or `try await channel.receive().value`")
    @inlinable
    public func waitNext(timeout: Duration? = nil) throws -> Element? {
        do { return try core.receive(waiting: timeout) } catch is QueueClosed { return nil }
    }
}
