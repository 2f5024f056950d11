// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

extension Awaitable where Success: Sendable {
    /// A Deferred of this outcome, with a pipeline of its own. Of a ``/Futures/Call`` it is a new run.
    ///
    /// An outcome that is there already is the Deferred's at once. (In Twisted a `fromFuture` of a finished future has no
    /// result before the next turn of the loop.)
    ///
    /// - Executor: The stages run where the source completes.
    /// - Cancellation: Cancelling the Deferred leaves the source, which is cancelled if nobody else observes it. The source's
    ///   own cancellation arrives as `CancellationError`, whatever its style, so `addTimeout` can translate it.
    public func deferred(fileID: StaticString = #fileID, line: UInt = #line) -> Deferred<Success> {
        if let own = self as? Deferred<Success> { return own }
        let deferred = Deferred<Success>(DeferredState(), nil, fileID, line)
        let registration = observe { outcome in deferred.settle(Held(outcome)) }
        deferred.setCanceller { registration.cancel() }
        return deferred
    }
}

extension Deferred {
    /// The Deferred itself: the verb that every awaitable has.
    public func deferred() -> Deferred<Success> { self }
}
