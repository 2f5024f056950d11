// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// What is posted to topics of a ``Registry``.
///
/// - Executor: As the registry says.
/// - Cancellation: Through the subscription, or the run of `next()`.
/// - Errors: The registry's end.
public struct TopicSource<Topic: Hashable & Sendable, Element: Sendable>: EventSource {
    private let registry: Registry<Topic, Element>
    /// Which topics.
    public let topics: [Topic]

    init(_ registry: Registry<Topic, Element>, _ topics: [Topic]) {
        var seen: Set<Topic> = []
        self.registry = registry
        self.topics = topics.filter { seen.insert($0).inserted }
    }

    /// Subscribes a handler, at the end of the line.
    ///
    /// - Executor: Where something is posted.
    /// - Errors: A registry that has been closed ends at once; no topics at all are the end with `EmptyInput`.
    public func subscribe(
        demand: Demand,
        _ handler: @escaping @Sendable (SourceEvent<Element>) -> Void
    ) -> Subscription {
        _subscribe(_Consumer(demand: demand, handler))
    }

    /// What the consumer is not called with is gone, as everything that is posted.
    public func _subscribe(_ consumer: _Consumer<Element>) -> Subscription {
        if topics.isEmpty {
            consumer.handler(.end(EmptyInput("Registry.events(of:)")))
            return .spent
        }
        return registry.add(topics, consumer)
    }
}

extension TopicSource: CustomStringConvertible {
    /// `settings of registry "changes"`.
    public var description: String {
        "\(topics.map { "\($0)" }.joined(separator: ", ")) of registry \(registry.name)"
    }
}
