// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Synchronization

extension Future {
    /// Makes this future follow another: from now on only `other`, or a cancellation, completes it.
    ///
    /// - Returns: False if it is completed, or follows another already.
    package final func _adopt(_ other: Future<Success>) -> Bool {
        var seen = _state.load(ordering: .relaxed)
        while true {
            if seen & (_Bits.claimed | _Bits.adopting) != 0 { return false }
            if seen & _Bits.busy != 0 {
                _pause()
                seen = _state.load(ordering: .relaxed)
                continue
            }
            let (exchanged, original) = _state.weakCompareExchange(
                expected: seen,
                desired: seen | _Bits.adopting,
                ordering: .acquiringAndReleasing
            )
            if exchanged { break }
            seen = original
        }
        _follow(other)
        return true
    }

    /// The common part of adopting: the caller has the right to complete this future.
    @usableFromInline
    package final func _follow(_ other: Future<Success>) {
        if _state.load(ordering: .relaxed) & _Bits.adopting == 0, _acquire() { _release(setting: _Bits.adopting) }
        guard other !== self else {
            failAsCycle()
            return
        }
        guard other._attach(self) else {
            _completeFrom(other)
            return
        }
        // Listening first and linking second: a cancellation in between finds this future done, and goes on from here.
        guard _acquire() else {
            _ = other._cancel(self)
            return
        }
        let old = _relink(other)
        // Who stands on this future listens to it, or will see the link just made when it looks for a ring itself.
        let mayBeRing = unsafe _listener != nil
        let wasCancelled = _state.load(ordering: .relaxed) & _Bits.cancelRequested != 0
        _release()
        _ = consume old
        if mayBeRing, other._standsOn(self) {
            failAsCycle()
        } else if wasCancelled {
            // The source before this one did not stop; the wish is still there.
            _requestCancellation()
        }
    }

    private final func failAsCycle() {
        _ = _complete(.failure(PromiseCycle(origin: _siteDescription)), fromUpstream: true)
    }

    @inlinable
    final func _completeFrom(_ source: Future<Success>) {
        source._markObserved()
        _ = _complete(source._outcome, fromUpstream: true)
    }

    @usableFromInline
    final func _adoptedCompleted(_ source: _FutureCore) {
        _completeFrom(unsafe unsafeDowncast(source, to: Future<Success>.self))
    }
}

extension _FutureCore {
    /// Whether completing this future waits for `other`: a ring of adoptions would wait for itself.
    ///
    /// - Complexity: O(length of the chain).
    package final func _standsOn(_ other: _FutureCore) -> Bool {
        var current: _FutureCore = self
        while true {
            if current === other { return true }
            guard let next = current._upstream else { return false }
            current = next
        }
    }
}
