// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

// The verb of this style: deliver to a queue.

extension Awaitable where Success: Sendable {
    /// Delivers the outcome to a queue, as one of its elements.
    ///
    /// - Executor: Puts where the source completes. A full queue makes the outcome wait for room, in the order of those who
    ///   wait to put, and nobody else.
    /// - Cancellation: The registration leaves the source, and stops it if nobody else observes it. The source's own
    ///   cancellation is delivered like every outcome.
    /// - Errors: An outcome that the queue refuses, because it was closed, goes to the ``/Futures/Reporter``.
    @discardableResult
    public func deliver(to queue: Queue<Result<Success, any Error>>) -> Registration {
        observe { outcome in queue.accept(outcome) }
    }

    /// Delivers the outcome to a queue, tagged with its source; like the form without a key in all else.
    @discardableResult
    public func deliver<Key: Sendable>(to queue: Queue<Completion<Key, Success>>, key: Key) -> Registration {
        observe { outcome in queue.accept(Completion(key: key, outcome: outcome)) }
    }
}

extension EventSource {
    /// Puts each element into a queue.
    ///
    /// - Executor: Puts where the source delivers. The next element is asked for when the queue has taken the last one:
    ///   a full queue holds back the source.
    /// - Cancellation: Through the subscription. A closed queue ends it.
    /// - Errors: A queue that is delivered to itself, which would go round for ever, is reported to the
    ///   ``/Futures/Reporter``; nothing is subscribed then.
    /// - Parameter closing: Whether the source's end closes the queue.
    @discardableResult
    public func deliver(to queue: Queue<Element>, closing: Bool = false) -> Subscription {
        if let source = self as? Queue<Element>, source === queue {
            queue.refuseItself()
            return .spent
        }
        let place = SubscriptionPlace()
        // Not the queue: one that nobody else has is released, and refuses.
        let core = queue.core
        // What a closed queue would refuse stays the source's.
        let claims: @Sendable (Element) -> Bool = { _ in
            if core.isOpen { return true }
            place.cancel()
            return false
        }
        place.fill(
            _subscribe(
                _Consumer(demand: 1, claims: claims) { event in
                    guard case .next(let element) = event else {
                        if closing { core.close(immediately: false) }
                        return
                    }
                    core.accept(element) { isAccepted in
                        if isAccepted { place.request(1) } else { place.cancel() }
                    }
                }
            )
        )
        return Subscription(request: { _ in }, cancel: { place.cancel() })
    }
}

extension Queue {
    fileprivate func refuseItself() {
        Reporter.report(
            .message(
                "\(core.name) was to be delivered to itself, which would go round for ever; nothing was subscribed. Deliver"
                    + " it to another queue."
            )
        )
    }

    /// Puts what has nobody to wait for it.
    fileprivate func accept(_ element: Element) { core.accept(element) { _ in } }
}

extension QueueCore {
    fileprivate var isOpen: Bool { state.withLock { $0.access == .open } }

    fileprivate func accept(_ element: Element, _ done: @escaping @Sendable (Bool) -> Void) {
        Call(begin: { _ in try self.put(element) }).callback { outcome in
            if case .success = outcome { return done(true) }
            Reporter.report(
                .message(
                    "\(element) was to be delivered to \(self.name), which had been closed, and is lost. Close the queue after the"
                        + " last source has ended, or leave the source before."
                )
            )
            done(false)
        }
    }
}
