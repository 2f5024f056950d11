// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

extension Deferred {
    /// Asks for the work behind this Deferred to stop (Twisted: Deferred.cancel).
    ///
    /// - Unfired, with a canceller: that is called, once, with this Deferred. It may fire it, and that result stands. If it
    ///   does not, the Deferred fires with `CancellationError`, and a later fire is ``AlreadyCalled``.
    /// - Unfired, made by `then`, or the target of a chain: what it waits for is cancelled.
    /// - Unfired, with nothing to ask: it fires with `CancellationError`. Its producer does not know that, so one later fire is
    ///   swallowed.
    /// - Waiting for a Deferred that a stage has returned: that one is cancelled.
    /// - With a result: nothing happens. Calling again is harmless.
    ///
    /// - Executor: The canceller and the stages run on the calling thread.
    /// - Cancellation: It is an outcome like any other, `CancellationError`: an errback may turn it into a value.
    /// - Errors: What the canceller throws is reported; the Deferred then ends cancelled.
    /// - Complexity: O(length of the chain), iterative.
    public func cancel() { cancelChain() }
}
