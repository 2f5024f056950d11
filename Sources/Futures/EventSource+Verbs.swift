// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

extension EventSource {
    /// Calls a handler for each element.
    ///
    /// - Executor: `executor`, one element after the other, also where that has several threads; without one, wherever the
    ///   source delivers, possibly before this method returns.
    /// - Cancellation: Through the subscription. An element for which the handler was not called yet stays the source's.
    /// - Errors: What the handler throws goes to the ``Reporter``, and the next element comes all the same. If `executor` has
    ///   stopped, the handler is called no more, and `onEnd` gets ``LoopClosed`` where the source delivers.
    /// - Parameter onEnd: Called when the source has ended, with the error if that was no natural end.
    @discardableResult
    public func subscribe(
        on executor: (any CallbackExecutor)? = nil,
        _ handler: @escaping @Sendable (Element) throws -> Void,
        onEnd: @escaping @Sendable ((any Error)?) -> Void = { _ in }
    ) -> Subscription {
        // On an executor one by one: the next element is asked for when the handler has returned.
        let subscription = _subscribe(
            _Consumer(demand: executor == nil ? .unlimited : 1, on: executor, renews: executor != nil) { event in
                switch event {
                case .next(let element): reporting { try handler(element) }
                case .end(let error): onEnd(error)
                }
            }
        )
        return Subscription(request: { _ in }, cancel: { subscription.cancel() })
    }

    /// The default: subscribes for one element.
    public func next() -> Call<Element> { _next(of: "\(Self.self)") }

    /// The next element, by a subscription for one.
    package func _next(of name: String) -> Call<Element> {
        Call("the next element of \(name)") { promise in
            let place = SubscriptionPlace()
            place.fill(
                _subscribe(
                    // Who is about to leave takes nothing.
                    _Consumer(demand: 1, claims: { _ in promise._future._claimUnlessCancelled() }) { event in
                        place.cancel()
                        switch event {
                        case .next(let element): promise._future._settle(value: element)
                        case .end(let error): promise.tryComplete(.failure(error ?? SourceEnded(source: name)))
                        }
                    }
                )
            )
            promise.onCancel { [weak promise] in
                // Held: the source lets go of the handler, and that of the promise, which would pass for dropped.
                let promise = promise
                if place.cancel() == .stopped { promise?.tryComplete(.failure(CancellationError())) }
            }
        }
    }

    /// The elements as one stream, for `for try await`, for blocking iteration in a greenlet, or to be taken one by one.
    ///
    /// The subscription begins now and ends when the stream is dropped. It asks for an element when somebody waits for one:
    /// back-pressure reaches the source.
    public func stream() -> EventStream<Element> { EventStream(self) }
}

/// Runs what a user gave us, whose error concerns nobody else.
private func reporting(_ body: () throws -> Void) {
    do { try body() } catch {
        Reporter.report(
            .message(
                "a handler of an event source threw \(error.phrase). It stays subscribed, and the next element comes all the same."
                    + " Catch errors in the handler, or leave in it."
            )
        )
    }
}

/// A subscription that its own handler may need before it is there.
package final class SubscriptionPlace: Sendable {
    private struct State {
        var subscription: Subscription?
        var isLeft = false
        var missed: Demand = .none
    }

    private let state = Lock(State())

    package init() {}

    package var isLeft: Bool { state.withLock { $0.isLeft } }

    package func fill(_ subscription: Subscription) {
        let (isLeft, missed) = state.withLock { state in
            state.subscription = subscription
            defer { state.missed = .none }
            return (state.isLeft, state.missed)
        }
        if isLeft { subscription.cancel() } else if missed != .none { subscription.request(missed) }
    }

    package func request(_ more: Demand) {
        let subscription = state.withLock { state in
            if state.subscription == nil { state.missed = state.missed + more }
            return state.subscription
        }
        subscription?.request(more)
    }

    @discardableResult
    package func cancel() -> CancellationAnswer {
        let (subscription, wasLeft) = state.withLock { state in
            defer { state.isLeft = true }
            return (state.subscription.take(), state.isLeft)
        }
        if let subscription { return subscription.cancel() }
        return wasLeft ? .tooLate : .stopped
    }
}
