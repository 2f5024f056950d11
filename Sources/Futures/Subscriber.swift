// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// A handler of a source that pushes: keeps what comes while there is no demand, and calls the handler for one event at a
/// time, with no lock held and never nested.
package final class _Subscriber<Element: Sendable>: Sendable {
    package typealias Handler = @Sendable (SourceEvent<Element>) -> Void

    /// What becomes of elements for which there is no demand.
    package enum Backlog: Sendable {
        case unbounded
        /// So many are kept; what comes then is dropped.
        case oldest(Int)
        /// So many are kept; what comes then displaces the oldest one.
        case newest(Int)
        /// What comes is merged into the first kept element that it makes one with, or kept beside them.
        case merging(@Sendable (Element, Element) -> Element?)
    }

    private struct State {
        var handler: Handler?
        var demand: Demand
        var backlog = _Ring<Element>()
        var end: SourceEvent<Element>?
        var isDelivering = false
        var dropped = 0

        /// What was asked for is kept whatever the limit, which is for what comes beyond that.
        ///
        /// - Returns: What was displaced, to be released when nothing is locked.
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

        /// Takes what is to be delivered now, if nobody else is delivering.
        mutating func next(_ isMine: Bool) -> (Handler, SourceEvent<Element>)? {
            if isMine { isDelivering = false }
            guard !isDelivering, let handler else { return nil }
            if demand.count > 0, let element = backlog.popFirst() {
                if demand != .unlimited { demand = Demand(demand.count - 1) }
                isDelivering = true
                return (handler, .next(element))
            }
            guard let end, backlog.isEmpty else { return nil }
            self.handler = nil
            isDelivering = true
            return (handler, end)
        }
    }

    private let state: Lock<State>
    private let backlog: Backlog
    /// Called when the handler asks for more than is there: for sources that keep their elements themselves.
    private let onDemand: (@Sendable (_Subscriber) -> Void)?
    private let onLeave: (@Sendable (_Subscriber) -> Void)?
    /// Gets what was kept for a handler that has left: for sources whose elements are somebody else's then.
    private let onUndelivered: (@Sendable ([Element]) -> Void)?

    package init(
        demand: Demand,
        backlog: Backlog = .unbounded,
        onDemand: (@Sendable (_Subscriber) -> Void)? = nil,
        onLeave: (@Sendable (_Subscriber) -> Void)? = nil,
        onUndelivered: (@Sendable ([Element]) -> Void)? = nil,
        _ handler: @escaping Handler
    ) {
        self.backlog = backlog
        self.onDemand = onDemand
        self.onLeave = onLeave
        self.onUndelivered = onUndelivered
        state = Lock(State(handler: handler, demand: demand))
    }

    package var subscription: Subscription {
        Subscription(request: { self.request($0) }, cancel: { self.cancel() })
    }

    /// How many elements were dropped because the backlog was full.
    package var droppedCount: Int { state.withLock { $0.dropped } }

    /// Whether the handler would be called for one more element at once.
    package var hasDemand: Bool {
        state.withLock { $0.handler != nil && $0.end == nil && $0.demand.count > $0.backlog.count }
    }

    /// An element happened.
    ///
    /// - Returns: False if the handler has left, or has been told the end.
    @discardableResult
    package func offer(_ element: Element) -> Bool {
        let isWanted = accept(element)
        if isWanted { deliver() }
        return isWanted
    }

    /// The same, without calling the handler: `deliver()` has to follow. For who offers one element to several, whose
    /// handlers may offer others.
    package func accept(_ element: Element) -> Bool {
        let (isWanted, displaced) = state.withLock { state -> (Bool, Element?) in
            guard state.handler != nil, state.end == nil else { return (false, nil) }
            return (true, state.keep(element, in: backlog))
        }
        _ = consume displaced
        return isWanted
    }

    /// The source has ended; what was kept is delivered first, as far as it is asked for.
    package func end(_ error: (any Error)? = nil) {
        state.withLock { state in
            if state.end == nil { state.end = .end(error) }
        }
        deliver()
    }

    private func request(_ more: Demand) {
        let isAsking = state.withLock { state in
            guard state.handler != nil else { return false }
            state.demand = state.demand + more
            return state.end == nil && state.demand.count > state.backlog.count
        }
        deliver()
        if isAsking { onDemand?(self) }
    }

    private func cancel() -> CancellationAnswer {
        // Destroyed at the end, with nothing held: it may own anything.
        let (handler, backlog) = state.withLock { state in
            defer { state.handler = nil }
            let backlog = state.backlog
            state.backlog = _Ring()
            return (state.handler, backlog)
        }
        defer { _ = (handler, backlog) }
        guard handler != nil else { return .tooLate }
        onLeave?(self)
        if !backlog.isEmpty { onUndelivered?(backlog.elements) }
        return .stopped
    }

    /// Calls the handler for what it has asked for, unless somebody does.
    package func deliver() {
        var isMine = false
        while let (handler, event) = state.withLock({ $0.next(isMine) }) {
            isMine = true
            handler(event)
        }
    }
}
