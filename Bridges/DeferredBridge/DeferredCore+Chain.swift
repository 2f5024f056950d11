// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

extension _DeferredCore {
    /// Whether this one waits, directly or through others, for `other`.
    func standsOn(_ other: _DeferredCore) -> Bool {
        var current: _DeferredCore? = self
        while let core = current {
            if core === other { return true }
            current = core.waitsFor
        }
        return false
    }

    /// Cancels this one, along the chain of those it waits for, iteratively.
    func cancelChain() {
        var current: _DeferredCore? = self
        while let core = current { current = core.cancelStep() }
    }

    /// Cancels this one, or says who is to be cancelled instead.
    private func cancelStep() -> _DeferredCore? {
        switch state.withLock({ $0.cancel() }) {
        case .nothing: return nil
        case .forward(let source): return source
        case .call(let canceller):
            do { try canceller(self) } catch {
                Reporter.report(
                    .message(
                        "the canceller of the Deferred made at \(origin) threw \(error.sentence) The Deferred ends cancelled unless the"
                            + " canceller fired it; catch the error there."
                    )
                )
            }
            settle(.failure(CancellationError()))
        case .ask(let canceller):
            if canceller() == .stopped { settle(.failure(CancellationError())) }
        case .end: settle(.failure(CancellationError()))
        }
        return nil
    }

    /// For bridges: sets what a cancellation asks, before the Deferred is handed out.
    func setCanceller(answering canceller: @escaping @Sendable () -> CancellationAnswer) {
        // A source that had its outcome already has nothing left to cancel.
        state.withLock { state in
            if !state.hasFired { state.canceller = .answering(canceller) }
        }
    }
}
