// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Synchronization

extension _FutureCore {
    /// Asks for the work behind this future to stop, walking the chain of futures it stands on, iteratively.
    ///
    /// - Returns: `.stopped` if this future ends cancelled, or has; `.tooLate` if its outcome stands or will.
    @usableFromInline
    @discardableResult
    package final func _requestCancellation() -> CancellationAnswer {
        guard _acquire() else { return _isCancelled ? .stopped : .tooLate }
        let step = _beginCancellation()
        _release()
        return _cancel(step)
    }

    /// With `busy` held: notes the request, and takes what it goes to. Together, so that a canceller runs once, and one that
    /// is set later knows that it is late.
    final func _beginCancellation() -> _CancellationStep {
        let isFirst = _state.load(ordering: .relaxed) & _Bits.cancelRequested == 0
        _change(setting: _Bits.cancelRequested)
        let link = _linked
        return _CancellationStep(
            link: link,
            canceller: isFirst ? link?._takeCanceller(of: self) : nil,
            isFirst: isFirst
        )
    }

    /// Carries out the cancellation that was requested.
    @discardableResult
    final func _cancel(_ first: _CancellationStep) -> CancellationAnswer {
        var (current, step): (_FutureCore, _CancellationStep) = (self, first)
        while let upstream = step.link as? _FutureCore {
            switch upstream._leave(current) {
            case .onlyObserver(let next): (current, step) = (upstream, next)
            case .left:
                current._forgetSource()
                return current._endCancelled()
            // Who has taken it out of there is about to end it cancelled.
            case .leftBefore: return current._endCancelled()
            case .late: return upstream._isCancelled ? .stopped : .tooLate
            }
        }
        // The canceller may complete the promise itself; that outcome stands (Twisted: Deferred.cancel).
        let isCutOff = step.link == nil || (step.isFirst && step.canceller?() ?? .stopped == .stopped)
        return isCutOff ? current._endCancelled() : current._isCancelled ? .stopped : .tooLate
    }

    private final func _endCancelled() -> CancellationAnswer {
        if _completeCancelled() { return .stopped }
        _awaitClaimedOutcome()
        return _isCancelled ? .stopped : .tooLate
    }

    /// Waits while somebody writes the outcome, a few instructions: only then is it known what has won.
    final func _awaitClaimedOutcome() {
        while _state.load(ordering: .acquiring) & (_Bits.claimed | _Bits.done) == _Bits.claimed { _pause() }
    }

    private enum Leaving { case onlyObserver(_CancellationStep), left, leftBefore, late }

    /// A derived future no longer wants the outcome. It stays registered if it is the only observer, because the
    /// cancellation then goes on upstream and comes back down as an outcome.
    private final func _leave(_ observer: _Node) -> Leaving {
        guard _acquire() else { return .late }
        let leaving: Leaving =
            _isOnlyObserver(observer) ? .onlyObserver(_beginCancellation()) : _detach(observer) ? .left : .leftBefore
        _release()
        return leaving
    }

    /// What became of a canceller.
    package enum _Installation {
        /// A cancellation will call it.
        case kept
        /// A cancellation was asked for before: it is the caller's to call now.
        case late
        /// The future is done, or follows another one: nothing will call it.
        case unused
    }

    /// Sets what a cancellation calls; replaces what was set before.
    package final func _install(
        canceller: @escaping @Sendable () -> CancellationAnswer
    ) -> _Installation {
        // Destroyed at the end, outside of `busy`: it may own anything.
        var old: (@Sendable () -> CancellationAnswer)?
        var answer = _Installation.kept
        let changed = _changeExtras { extras in
            if _state.load(ordering: .relaxed) & _Bits.cancelRequested != 0 {
                answer = .late
                return
            }
            old = extras.canceller
            extras.canceller = canceller
        }
        _ = consume old
        if !changed {
            return _state.load(ordering: .acquiring) & _Bits.wasCancelled == _Bits.wasCancelled ? .late : .unused
        }
        return answer
    }

    /// What this future follows or was derived from, while it is pending.
    final var _upstream: _FutureCore? {
        guard _acquire() else { return nil }
        let link = _linked
        _release()
        return link as? _FutureCore
    }
}

/// What a cancellation of one future has to do next: taken when it is requested, done when nothing is held.
@usableFromInline
package struct _CancellationStep {
    fileprivate let link: _Node?
    fileprivate let canceller: (@Sendable () -> CancellationAnswer)?
    /// No cancellation was requested before.
    fileprivate let isFirst: Bool
}
