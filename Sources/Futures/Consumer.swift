// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// Who takes the elements of a source, and may turn out to want none when there is one.
///
/// Not for use outside of Switchyard, whose verbs are made of it: an element that nobody wants any more stays the source's.
public struct _Consumer<Element: Sendable>: Sendable {
    @usableFromInline package typealias Handler = @Sendable (SourceEvent<Element>) -> Void

    @usableFromInline package let demand: Demand
    /// Where the handler runs; nil is where the source delivers.
    @usableFromInline package let executor: (any CallbackExecutor)?
    /// Says whether somebody wants this element: then the handler is called with it, by the same thread. A consumer that
    /// declines has asked for nothing from then on. Nil is always.
    @usableFromInline package let claims: (@Sendable (Element) -> Bool)?
    /// Asks for one more each time the handler has returned.
    @usableFromInline package let renews: Bool
    @usableFromInline package let handler: Handler

    package init(
        demand: Demand,
        on executor: (any CallbackExecutor)? = nil,
        claims: (@Sendable (Element) -> Bool)? = nil,
        renews: Bool = false,
        _ handler: @escaping Handler
    ) {
        self.demand = demand
        self.executor = executor
        self.claims = claims
        self.renews = renews
        self.handler = handler
    }

    /// The same for a source of something else, of which this one's elements are made.
    package func of<Input>(_ transform: @escaping @Sendable (Input) -> Element) -> _Consumer<Input> {
        var mapped: (@Sendable (Input) -> Bool)?
        if let claims { mapped = { claims(transform($0)) } }
        return _Consumer<Input>(demand: demand, on: executor, claims: mapped, renews: renews) { [handler] event in
            switch event {
            case .next(let input): handler(.next(transform(input)))
            case .end(let error): handler(.end(error))
            }
        }
    }

    /// The same, with something around each call.
    func inContext(_ snapshot: ContextSnapshot) -> _Consumer {
        _Consumer(demand: demand, on: executor, claims: claims, renews: renews) { [handler] event in
            snapshot { handler(event) }
        }
    }
}

extension EventSource {
    /// For a source that is not one of Switchyard's own, which takes nothing back: what is declined is kept for later.
    public func _subscribe(_ consumer: _Consumer<Element>) -> Subscription {
        if consumer.executor == nil, consumer.claims == nil {
            return subscribe(demand: consumer.demand, consumer.handler)
        }
        let place = SubscriptionPlace()
        let subscriber = _Subscriber<Element>(
            consumer,
            onDemand: { place.request($0.ask()) },
            onLeave: { _, _ in place.cancel() }
        )
        place.fill(
            subscribe(demand: subscriber.ask()) { event in
                switch event {
                case .next(let element): subscriber.answer(element)
                case .end(let error): subscriber.end(error)
                }
            }
        )
        return subscriber.subscription
    }
}
