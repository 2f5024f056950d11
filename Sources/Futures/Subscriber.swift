// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// A consumer at a source that pushes: keeps what comes while there is no demand, and calls the handler for one event at a
/// time, with no lock held and never nested.
///
/// An element stays here until the handler is called with it, also while that waits for its executor: who leaves leaves it
/// behind.
@usableFromInline
package final class _Subscriber<Element: Sendable>: Sendable {
    @usableFromInline package typealias Handler = _Consumer<Element>.Handler

    /// What becomes of elements for which there is no demand.
    @usableFromInline
    @frozen
    package enum Backlog: Sendable {
        case unbounded
        /// So many are kept; what comes then is dropped.
        case oldest(Int)
        /// So many are kept; what comes then displaces the oldest one.
        case newest(Int)
        /// What comes is merged into the first kept element that it makes one with, or kept beside them.
        case merging(@Sendable (Element, Element) -> Element?)
    }

    @usableFromInline
    struct State {
        /// Nil when it has left, or has been told the end: what it holds goes with it.
        @usableFromInline var consumer: _Consumer<Element>?
        @usableFromInline var demand: Demand
        /// How many elements a source was asked for that counts them.
        @usableFromInline var asked: Demand = .none
        /// How often there was a request.
        @usableFromInline var requests = 0
        @usableFromInline var backlog = _Ring<Element>()
        @usableFromInline var end: SourceEvent<Element>?
        @usableFromInline var isDelivering = false
        @usableFromInline var dropped = 0

        /// What was asked for is kept whatever the limit, which is for what comes beyond that.
        ///
        /// - Returns: What was displaced, to be released when nothing is locked.
        @inlinable
        mutating func keep(_ element: Element, in limit: Backlog) -> Element? {
            let beyond = demand == .unlimited ? -1 : backlog.count - demand.count
            var displaced: Element?
            switch limit {
            case .oldest(let count) where beyond >= count:
                dropped += 1
                return nil
            case .newest(let count) where beyond >= count:
                dropped += 1
                displaced = backlog.remove(at: demand.count)
                if displaced == nil { return nil }
            case .merging(let merge) where beyond >= 0:
                if backlog.replaceFirst(by: { merge($0, element) }) { return nil }
            default: break
            }
            backlog.append(element)
            return displaced
        }

        /// Whether there is something to be delivered now, and nobody who delivers: then that is the caller.
        @inlinable
        mutating func begin() -> Delivery {
            guard !isDelivering, let consumer else { return .none }
            isDelivering = backlog.isEmpty ? end != nil : demand != .none
            if !isDelivering { return .none }
            return consumer.executor.map { .on($0) } ?? .here
        }

        /// Takes what is to be delivered next.
        @inlinable
        mutating func take() -> (_Consumer<Element>, SourceEvent<Element>)? {
            guard let consumer else { return nil }
            if demand != .none, let element = backlog.popFirst() {
                if demand != .unlimited { demand = Demand(demand.count - 1) }
                return (consumer, .next(element))
            }
            guard let end, backlog.isEmpty else { return nil }
            self.consumer = nil
            return (consumer, end)
        }
    }

    @usableFromInline
    enum Delivery {
        case none, here
        case on(any CallbackExecutor)
    }

    @usableFromInline let state: Lock<State>
    @usableFromInline let backlog: Backlog
    /// Called when the handler asks for more than is there: for sources that keep their elements themselves.
    @usableFromInline let onDemand: (@Sendable (_Subscriber) -> Void)?
    /// Called when the handler is about to be called with an element.
    @usableFromInline let onDelivery: (@Sendable (Element) -> Void)?
    /// Called when the handler leaves, with what was kept for it.
    @usableFromInline let onLeave: (@Sendable (_Subscriber, [Element]) -> Void)?
    /// Takes an element that the consumer has declined: for sources whose elements are somebody else's then. Without it the
    /// element is kept.
    @usableFromInline let onDecline: (@Sendable (Element) -> Void)?

    package init(
        _ consumer: _Consumer<Element>,
        backlog: Backlog = .unbounded,
        onDemand: (@Sendable (_Subscriber) -> Void)? = nil,
        onDelivery: (@Sendable (Element) -> Void)? = nil,
        onLeave: (@Sendable (_Subscriber, [Element]) -> Void)? = nil,
        onDecline: (@Sendable (Element) -> Void)? = nil
    ) {
        self.backlog = backlog
        self.onDemand = onDemand
        self.onDelivery = onDelivery
        self.onLeave = onLeave
        self.onDecline = onDecline
        state = Lock(State(consumer: consumer, demand: consumer.demand))
    }

    package var subscription: Subscription {
        Subscription(request: { self.request($0) }, cancel: { self.cancel() })
    }

    /// How many elements were dropped because the backlog was full.
    package var droppedCount: Int { state.withLock { $0.dropped } }

    /// Whether the handler would be called for one more element at once.
    @inlinable
    package var hasDemand: Bool {
        state.withLock { $0.consumer != nil && $0.end == nil && $0.demand.count > $0.backlog.count }
    }

    /// An element happened.
    ///
    /// - Returns: False if the handler has left, or has been told the end.
    @inlinable
    @discardableResult
    package func offer(_ element: Element) -> Bool {
        let isWanted = accept(element)
        if isWanted { deliver() }
        return isWanted
    }

    /// The same, without calling the handler: `deliver()` has to follow. For who offers one element to several, whose
    /// handlers may offer others.
    @inlinable
    package func accept(_ element: Element) -> Bool {
        let (isWanted, displaced) = state.withLock { state in accept(element, &state) }
        _ = consume displaced
        return isWanted
    }

    @inlinable
    func accept(_ element: Element, _ state: inout State) -> (Bool, displaced: Element?) {
        guard state.consumer != nil, state.end == nil else { return (false, nil) }
        return (true, state.keep(element, in: backlog))
    }

    /// The source has ended; what was kept is delivered first, as far as it is asked for.
    package func end(_ error: (any Error)? = nil) {
        state.withLock { state in
            if state.end == nil { state.end = .end(error) }
        }
        deliver()
    }

    @usableFromInline
    func request(_ more: Demand) {
        let isAsking = state.withLock { state in
            guard state.consumer != nil else { return false }
            state.demand = state.demand + more
            state.requests += 1
            return state.end == nil && state.demand.count > state.backlog.count
        }
        deliver()
        if isAsking { onDemand?(self) }
    }

    private func cancel() -> CancellationAnswer { leave() == nil ? .tooLate : .stopped }

    /// Nil if it has left already.
    private func leave() -> _Consumer<Element>? {
        // Destroyed at the end, with nothing held: it may own anything.
        let (consumer, backlog) = state.withLock { state in
            defer { (state.consumer, state.backlog) = (nil, _Ring()) }
            return (state.consumer, state.backlog)
        }
        if consumer != nil { onLeave?(self, backlog.elements) }
        return consumer
    }

    // MARK: A source that counts what it was asked for

    /// How many more elements the source is to be asked for.
    func ask() -> Demand {
        state.withLock { state in
            guard state.consumer != nil, state.end == nil, state.asked != .unlimited else { return .none }
            if state.demand == .unlimited {
                state.asked = .unlimited
                return .unlimited
            }
            let more = Demand(state.demand.count - state.backlog.count - state.asked.count)
            state.asked = state.asked + more
            return more
        }
    }

    /// An element that was asked for.
    func answer(_ element: Element) {
        let (_, displaced) = state.withLock { state in
            if state.asked != .unlimited { state.asked = Demand(state.asked.count - 1) }
            return accept(element, &state)
        }
        _ = consume displaced
        deliver()
    }

    // MARK: Calling the handler

    /// Calls the handler for what it has asked for, unless somebody does.
    @inlinable
    package func deliver() {
        while true {
            switch state.withLock({ $0.begin() }) {
            case .none: return
            case .here: step()
            case .on(let executor): return post(to: executor)
            }
        }
    }

    /// The next event, of which there was one when delivering began.
    @inlinable
    func step() {
        let next = state.withLock { state in state.take().map { ($0, $1, state.requests) } }
        guard let (consumer, event, requests) = next else { return finish() }
        if case .next(let element) = event {
            if let claims = consumer.claims, !claims(element) { return decline(element, requests) }
            onDelivery?(element)
        }
        consumer.handler(event)
        finish()
        if consumer.renews, case .next = event { request(1) }
    }

    @inlinable
    func finish() { state.withLock { $0.isDelivering = false } }

    /// Nobody wants this one. Who has asked since the claim will be asked again.
    @usableFromInline
    func decline(_ element: Element, _ requests: Int) {
        let isLeft = state.withLock { state in
            state.isDelivering = false
            let isWanted = state.requests != requests
            if !isWanted { state.demand = .none }
            if state.consumer == nil || onDecline != nil && !isWanted { return true }
            state.backlog.prepend(element)
            return false
        }
        guard isLeft else { return }
        if let onDecline { onDecline(element) } else { onLeave?(self, [element]) }
    }

    /// Each event comes to the executor by itself, which others use as well.
    @usableFromInline
    func post(to executor: any CallbackExecutor) {
        let turn = Turn { [self] isRun in
            if isRun {
                step()
                deliver()
            } else if let consumer = leave() {
                let name = consumer.executor?._diagnosticName ?? ""
                consumer.handler(.end(LoopClosed(loop: name, operation: "an event was to be delivered")))
            }
        }
        if !ContextSnapshot.post({ turn.run() }, to: executor) { turn.refuse() }
    }
}

/// A call that an executor has accepted, and may still destroy unrun.
// SAFETY: `body` is touched by the one call, or by `deinit`.
private final class Turn: @unchecked Sendable {
    @safe @exclusivity(unchecked) private var body: (@Sendable (_ isRun: Bool) -> Void)?

    init(_ body: @escaping @Sendable (_ isRun: Bool) -> Void) { self.body = body }

    func run() { finish(true) }

    func refuse() { finish(false) }

    private func finish(_ isRun: Bool) {
        let body = body.take()
        body?(isRun)
    }

    deinit {
        guard let body else { return }
        // Nothing that begins in a `deinit` runs user code on its stack.
        Drain.shared.post { body(false) }
    }
}
