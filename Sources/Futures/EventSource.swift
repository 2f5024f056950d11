// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// Everything that happens many times: the arrivals of a signal, a user's topic, a queue's elements, any `AsyncSequence`.
///
/// The counterpart of ``Awaitable`` for more than one outcome. The protocol has one requirement to write,
/// ``subscribe(demand:_:)``; every style adds one verb in an extension: a handler (``subscribe(on:_:onEnd:)``), a stream for
/// `for await` or for blocking iteration in a greenlet (``stream()``), one element (``next()``).
public protocol EventSource<Element>: Sendable {
    /// What happens.
    associatedtype Element: Sendable

    /// Subscribes a handler.
    ///
    /// The handler is called for one event at a time, never nested in itself, with elements in the order they happened and
    /// the end, if there is one, last and once. It gets as many elements as it has asked for, by `demand` and by
    /// ``Subscription/request(_:)``; the end needs no demand. What happens while there is no demand is the source's affair:
    /// a queue keeps it for whoever takes it, a signal counts it.
    ///
    /// - Executor: The handler runs wherever the source delivers, possibly before this method returns.
    /// - Cancellation: Through the subscription. The source's own cancellation is its end, with `CancellationError`.
    /// - Parameter demand: How many elements the handler is ready for now.
    func subscribe(
        demand: Demand,
        _ handler: @escaping @Sendable (SourceEvent<Element>) -> Void
    ) -> Subscription

    /// The next element; nothing is taken, and nobody subscribes, until a verb is used.
    ///
    /// - Cancellation: Ends the subscription of this run. A source that keeps its elements for whoever takes them loses none.
    /// - Errors: ``SourceEnded``; the error the source ends with.
    func next() -> Call<Element>

    /// Not for use outside of Switchyard: subscribes one of its verbs. The default does it by ``subscribe(demand:_:)``.
    func _subscribe(_ consumer: _Consumer<Element>) -> Subscription
}

/// What the handler of a source is told.
@frozen
public enum SourceEvent<Element> {
    /// It happened.
    case next(Element)
    /// It will not happen again; the error says why, if it is no natural end.
    case end((any Error)?)
}

extension SourceEvent: Sendable where Element: Sendable {}

/// How many elements a handler is ready for.
@frozen
public struct Demand: Sendable, Hashable, ExpressibleByIntegerLiteral, CustomStringConvertible {
    /// The number; `Int.max` stands for all.
    public let count: Int

    /// As many as there are.
    public static let unlimited = Demand(Int.max)
    /// None for now.
    public static let none = Demand(0)

    /// So many; a number below zero asks for none.
    @inlinable
    public init(_ count: Int) { self.count = Swift.max(0, count) }

    /// So many.
    @inlinable
    public init(integerLiteral value: Int) { self.init(value) }

    /// The number, or `unlimited`.
    public var description: String { self == .unlimited ? "unlimited" : "\(count)" }

    /// The sum; unlimited demand stays unlimited.
    @inlinable
    static func + (a: Demand, b: Demand) -> Demand {
        let (sum, overflow) = a.count.addingReportingOverflow(b.count)
        return overflow ? .unlimited : Demand(sum)
    }
}

/// A handler's place at a source: asks for more, or leaves.
public struct Subscription: Sendable {
    private let requesting: @Sendable (Demand) -> Void
    private let cancellation: @Sendable () -> CancellationAnswer

    /// Makes the subscription of a source that is not one of Switchyard's own.
    ///
    /// - Parameters:
    ///   - request: Adds to the handler's demand.
    ///   - cancel: Removes the handler. `.stopped` if no further call will begin.
    public init(
        request: @escaping @Sendable (Demand) -> Void,
        cancel: @escaping @Sendable () -> CancellationAnswer
    ) {
        requesting = request
        cancellation = cancel
    }

    /// A subscription of something that has ended already.
    public static let spent = Subscription(request: { _ in }, cancel: { .tooLate })

    /// Asks for more elements, on top of what was asked for before.
    ///
    /// - Executor: The handler may be called on this thread, before this method returns.
    public func request(_ more: Demand) { requesting(more) }

    /// Leaves the source. Legal at any time, also in the handler itself, and more than once.
    ///
    /// - Returns: `.stopped` if no further call begins; a call in progress on another thread goes on. `.tooLate` if the
    ///   handler has been told the end.
    @discardableResult
    public func cancel() -> CancellationAnswer { cancellation() }
}

/// There is no next element: the source has ended.
public struct SourceEnded: Error, Sendable, CustomStringConvertible {
    /// Which source.
    public let source: String

    /// Makes the error; for sources of one's own.
    public init(source: String) { self.source = source }

    /// What happened, where it began, what to do.
    public var description: String {
        "SourceEnded: \(source) has ended, so there is no next element. Ask before it ends, or iterate a stream of it, which"
            + " ends with nil."
    }
}
