// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

// The verb of this style: post to a topic.

extension Awaitable where Success: Sendable {
    /// Posts the outcome to a topic: value, error or cancellation.
    ///
    /// - Executor: Handlers run where the source completes, unless they named an executor.
    /// - Cancellation: The registration leaves the source, and stops it if nobody else observes it.
    /// - Errors: An outcome that finds nobody listening goes to the ``/Futures/Reporter``: it comes once.
    @discardableResult
    public func post<Topic>(to topic: Topic, in registry: Registry<Topic, Result<Success, any Error>>) -> Registration {
        observe { outcome in
            if registry.post(outcome, to: topic) > 0 { return }
            Reporter.report(
                .message(
                    "\(outcome) was posted to topic \(topic) of registry \(registry.name), to which nobody listened, and is lost."
                        + " Subscribe before the outcome can come, and leave the source when the last handler leaves."
                )
            )
        }
    }
}

extension EventSource {
    /// Posts each element to a topic. What finds nobody listening is gone, as everything that is posted.
    ///
    /// - Executor: Handlers run where the source delivers, unless they named an executor.
    /// - Cancellation: Through the subscription.
    /// - Parameter ending: Whether the source's end ends the topic, with its error.
    @discardableResult
    public func post<Topic>(
        to topic: Topic,
        in registry: Registry<Topic, Element>,
        ending: Bool = false
    ) -> Subscription {
        subscribe(demand: .unlimited) { event in
            switch event {
            case .next(let element): registry.post(element, to: topic)
            case .end(let error): if ending { registry.end(topic, error) }
            }
        }
    }
}
