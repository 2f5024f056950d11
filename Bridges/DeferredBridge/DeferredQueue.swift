// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// A queue whose elements are put in at once, and are waited for with Deferreds (Twisted: DeferredQueue).
///
/// - Executor: Who waits is served on the thread that puts, one after the other and never nested.
/// - Cancellation: Of a ``get(fileID:line:)`` that waits: it leaves the line, and the next element is kept for others.
/// - Errors: ``QueueOverflow`` and ``QueueUnderflow``, thrown by the call that goes over a limit.
public final class DeferredQueue<Element: Sendable>: Sendable {
    private struct State {
        var elements = _Ring<Element>()
        var line = WaitingLine<Element>()
    }

    private let state = Lock(State())
    private let size: Int?
    private let backlog: Int?

    /// Makes an empty queue.
    ///
    /// - Parameters:
    ///   - size: How many elements may lie in the queue; nil is any number. With zero an element can only be put while
    ///     somebody waits for it.
    ///   - backlog: How many may wait; nil is any number. With zero an element can only be got while one lies there.
    /// - Errors: ``InvalidLimit`` for a negative number.
    public init(size: Int? = nil, backlog: Int? = nil) throws {
        if let size, size < 0 { throw InvalidLimit(limit: "the size of a DeferredQueue", value: size, minimum: 0) }
        if let backlog, backlog < 0 {
            throw InvalidLimit(limit: "the backlog of a DeferredQueue", value: backlog, minimum: 0)
        }
        self.size = size
        self.backlog = backlog
    }

    /// How many elements lie in the queue.
    public var count: Int { state.withLock { $0.elements.count } }

    /// How many wait for an element.
    public var waiters: Int { state.withLock { $0.line.count } }

    /// Gives an element to the first who waits, or puts it at the end.
    ///
    /// - Errors: ``QueueOverflow`` if the queue is full; the element was not taken.
    public func put(_ element: Element) throws {
        let place = try state.withLock { state -> WaitingLine<Element>.Place? in
            if let place = state.line.popFirst() { return place }
            if let size, state.elements.count >= size { throw QueueOverflow(size: size) }
            state.elements.append(element)
            return nil
        }
        place?.give(element)
    }

    /// Takes the first element, when there is one.
    ///
    /// - Cancellation: Leaves the line; an element that was given already is the Deferred's result.
    /// - Errors: ``QueueUnderflow`` is thrown here if enough others wait.
    public func get(fileID: StaticString = #fileID, line: UInt = #line) throws -> Deferred<Element> {
        let (element, place) = try state.withLock { state -> (Element?, WaitingLine<Element>.Place?) in
            if let element = state.elements.popFirst() { return (element, nil) }
            if let backlog, state.line.count >= backlog { throw QueueUnderflow(backlog: backlog) }
            let place = WaitingLine<Element>.Place(fileID, line)
            state.line.append(place)
            return (nil, place)
        }
        guard let place else { return .succeed(element!, fileID: fileID, line: line) }
        return place.deferred(fileID, line) { [weak self] place in
            self?.state.withLock { $0.line.remove(place) } ?? false
        }
    }
}
