// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// A program's own signals: topics, and the handlers that hear of what is posted to them.
///
///     let changes = Registry<String, Change>("changes")
///     let handler = changes.events(of: "settings").subscribe(on: loop) { change in … }
///     changes.post(change, to: "settings")
///
/// What is posted goes to all who listen to the topic at that moment, in the order in which they came; nothing is kept for
/// those who come later. All verbs of an ``/Futures/EventSource`` work on a topic, as they do on a POSIX ``Signal``.
///
/// *Back-pressure.* A poster is never held back. What a handler has not asked for is kept for it, up to the registry's
/// limit, see ``Backlog``; what is dropped is counted (``droppedCount``). A handler without limits, and one on an executor,
/// which takes one element after the other, are the two common cases.
///
/// - Executor: Handlers run where something is posted, unless an executor is named. What one thread posts arrives in its
///   order; a handler that posts is not called again before it has returned.
/// - Cancellation: Through each subscription.
/// - Errors: What a handler throws goes to the ``/Futures/Reporter``, and the others are called. A registry that is released
///   ends its sources with ``RegistryClosed``.
public final class Registry<Topic: Hashable & Sendable, Element: Sendable>: Sendable {
    typealias Handler = _Subscriber<Element>

    private struct State {
        var table = HandlerTable<Topic, Element>()
        var dropped = 0
        var isClosed = false
    }

    /// The name, for diagnostics.
    public let name: String
    /// What is kept for a handler that has not asked for it.
    public let backlog: Backlog
    private let state = Lock(State())

    /// Makes a registry.
    public init(_ name: String? = nil, backlog: Backlog = .newest(1_024)) {
        self.name = name.map { "\"\($0)\"" } ?? "of \(Element.self) by \(Topic.self)"
        self.backlog = backlog
    }

    deinit {
        let handlers = state.withLock { $0.table.removeAll() }
        if handlers.isEmpty { return }
        // Nothing that begins in a `deinit` runs user code on its stack.
        Drain.shared.post { [name] in
            for handler in handlers { handler.end(RegistryClosed(name: name)) }
        }
    }

    /// Calls all who listen to the topic.
    ///
    /// - Executor: Handlers run on this thread, before this method returns, unless they named an executor, are being called
    ///   at this moment, or have asked for nothing.
    /// - Returns: How many handlers there are.
    @discardableResult
    public func post(_ element: Element, to topic: Topic) -> Int {
        let handlers = state.withLock { $0.table.handlers(of: topic) }
        // All have it before one is called, who may post in turn.
        let wanted = handlers.filter { $0.accept(element) }
        for handler in wanted { handler.deliver() }
        return wanted.count
    }

    /// Ends a topic for those who listen; later handlers can listen to it again. Who listens to others as well stays there.
    ///
    /// - Parameter error: Why, if that is no natural end.
    public func end(_ topic: Topic, _ error: (any Error)? = nil) {
        let handlers = state.withLock { state in
            let left = state.table.removeAll(of: topic).filter { !state.table.contains($0) }
            state.dropped += left.reduce(0) { $0 + $1.droppedCount }
            return left
        }
        for handler in handlers { handler.end(error) }
    }

    /// Ends all topics, for good: who comes later is at the end at once.
    public func close(_ error: (any Error)? = nil) {
        let handlers = state.withLock { state in
            state.isClosed = true
            let left = state.table.removeAll()
            state.dropped += left.reduce(0) { $0 + $1.droppedCount }
            return left
        }
        for handler in handlers { handler.end(error) }
    }

    /// How many listen to a topic.
    public func handlerCount(of topic: Topic) -> Int { state.withLock { $0.table.handlers(of: topic).count } }

    /// How many elements were dropped, because handlers had not asked for them and the backlog was full.
    public var droppedCount: Int {
        state.withLock { state in state.dropped + state.table.all.reduce(0) { $0 + $1.droppedCount } }
    }

    /// What is posted to a topic, or to several.
    public func events(of topics: Topic...) -> TopicSource<Topic, Element> { TopicSource(self, topics) }

    // MARK: For sources

    func add(_ topics: [Topic], _ consumer: _Consumer<Element>) -> Subscription {
        let handler = Handler(
            consumer,
            backlog: backlog.policy(),
            onLeave: { [weak self] handler, _ in self?.remove(handler, from: topics) }
        )
        let isOpen = state.withLock { state in
            if state.isClosed { return false }
            for topic in topics { state.table.insert(handler, to: topic) }
            return true
        }
        if !isOpen { handler.end() }
        return handler.subscription
    }

    private func remove(_ handler: Handler, from topics: [Topic]) {
        state.withLock { state in
            let wasThere = topics.count { topic in state.table.leave(handler, topic) } > 0
            if wasThere { state.dropped += handler.droppedCount }
        }
    }
}

/// What becomes of what a handler has not asked for yet.
public enum Backlog: Sendable, Hashable {
    /// It is kept.
    case unbounded
    /// So many are kept; what comes then is dropped.
    case oldest(Int)
    /// So many are kept; what comes then displaces the oldest one.
    case newest(Int)

    func policy<Element>() -> _Subscriber<Element>.Backlog {
        switch self {
        case .unbounded: .unbounded
        case .oldest(let count): .oldest(max(0, count))
        case .newest(let count): .newest(max(0, count))
        }
    }
}
