// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// A queue between any two styles of code: bounded or not, first in first out, last in first out or by priority, joinable.
///
///     let jobs = try Queue<Job>("jobs", capacity: 100)
///     try await jobs.put(job).value            // async code: suspends while the queue is full
///     let job = try jobs.get().wait()          // a greenlet parks, a plain thread blocks, while it is empty
///     jobs.get().callback { outcome in … }     // everything else
///
/// Each operation is a ``/Futures/Call``: nothing is put or taken until a verb is used. Who waits to put, and who waits to
/// get, is served in the order they came. Nothing is lost and nothing is given twice when one of them is cancelled, killed or
/// times out: the element stays for the next (Tornado, issue 2826, lost it).
///
/// A queue is also an ``/Futures/EventSource`` and an `AsyncSequence`, with back-pressure; both end when it is closed.
///
/// - Executor: An operation that has to wait completes where its counterpart is called.
/// - Cancellation: Takes the waiter out of the line; an element that it would have put is not put.
/// - Errors: ``QueueClosed``.
/// - Complexity: O(1), O(log n) by priority; leaving a line is O(n) in those who wait.
public final class Queue<Element: Sendable>: Sendable {
    @usableFromInline let core: QueueCore<Element>

    /// Makes a queue that is never full.
    ///
    /// - Parameters:
    ///   - name: For errors and dumps.
    ///   - order: Which element is the next to be taken.
    ///   - loop: The only loop whose greenlets, callbacks and tasks use it. Operations elsewhere throw ``ConfinedElsewhere``, and
    ///     greenlets that wait for each other there are told with `Deadlock` instead of hanging.
    public init(_ name: String? = nil, order: QueueOrder<Element> = .fifo, confinedTo loop: (any Loop)? = nil) {
        core = QueueCore(name: Self.describe(name), capacity: 0, order: order, confinement: loop.map(Confinement.init))
    }

    /// Makes a queue that holds so many elements; 0 is no limit (gevent: Queue).
    ///
    /// - Parameter loop: See ``init(_:order:confinedTo:)``.
    /// - Errors: ``InvalidCount`` for a capacity below zero.
    public init(
        _ name: String? = nil,
        capacity: Int,
        order: QueueOrder<Element> = .fifo,
        confinedTo loop: (any Loop)? = nil
    ) throws {
        guard capacity >= 0 else { throw InvalidCount("the capacity of \(Self.describe(name))", capacity, minimum: 0) }
        core = QueueCore(
            name: Self.describe(name),
            capacity: capacity,
            order: order,
            confinement: loop.map(Confinement.init)
        )
    }

    private static func describe(_ name: String?) -> String {
        name.map { "queue \"\($0)\"" } ?? "a queue of \(Element.self)"
    }

    deinit { core.release() }

    // MARK: Operations

    /// Puts an element; waits while the queue is full.
    @inlinable
    @inline(__always)
    public func put(_ element: Element) -> Call<Void> {
        Call(begin: { how in
            guard case .waiting(let timeout) = how else { return try self.core.put(element) }
            return .value(try self.core.put(element, waiting: timeout))
        })
    }

    /// Takes the next element; waits while there is none.
    @inlinable
    @inline(__always)
    public func get() -> Call<Element> {
        Call(begin: { how in
            guard case .waiting(let timeout) = how else { return try self.core.get() }
            return .value(try self.core.get(waiting: timeout))
        })
    }

    /// Puts an element if that needs no waiting, also by handing it to somebody who waits.
    ///
    /// - Returns: False if the queue is full.
    @inlinable
    public func tryPut(_ element: Element) throws -> Bool { try core.tryPut(element) }

    /// Takes the next element if there is one; somebody who waits to put gets its place.
    @inlinable
    public func tryGet() throws -> Element? { try core.tryGet() }

    /// The element that comes out next, which stays.
    @inlinable
    public func peek() -> Element? { core.state.withLock { $0.store.first } }

    // MARK: State

    /// How many elements it holds.
    @inlinable public var count: Int { core.state.withLock { $0.store.count } }

    /// It holds none.
    @inlinable public var isEmpty: Bool { count == 0 }

    /// How many elements it may hold; 0 is no limit.
    @inlinable public var capacity: Int { core.state.withLock { $0.capacity } }

    /// Whether a put has to wait.
    @inlinable public var isFull: Bool { core.state.withLock { $0.isFull } }

    /// It takes no more elements.
    @inlinable public var isClosed: Bool { core.state.withLock { $0.access != .open } }

    // MARK: Joining

    /// Says that the work on one element that was taken is done.
    ///
    /// - Errors: ``ReleasedTooOften`` if there was none.
    public func taskDone() throws { try core.taskDone() }

    /// Waits until the work on all elements ever put is done; at once if there is none.
    public func join() -> Call<Void> { Call(from: { self.core.join() }) }

    // MARK: Closing

    /// Takes no more elements. What is there can still be taken, then gets fail; whoever waits fails now (Python:
    /// Queue.shutdown).
    public func close() { core.close(immediately: false) }

    /// Closes, and drops what is there: its work counts as done.
    public func closeNow() { core.close(immediately: true) }
}

extension Queue: CustomStringConvertible {
    /// Its name, how much it holds, and who waits.
    public var description: String {
        core.state.withLock { state in
            let limit = state.capacity == 0 ? "" : " of \(state.capacity)"
            let closed = state.access == .open ? "" : ", closed"
            return "\(core.name): \(state.store.count)\(limit) elements, \(state.getters.count) waiting to get,"
                + " \(state.putters.count) to put\(closed)"
        }
    }
}
