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
        var current: _FutureCore = self
        while true {
            guard current._acquire() else { return current._isCancelled ? .stopped : .tooLate }
            let first = current._state.load(ordering: .relaxed) & _Bits.cancelRequested == 0
            let link = current._link
            // Taken together with the request, so that it runs once, and one that is set later knows that it is late.
            let canceller = first ? link?._takeCanceller() : nil
            current._release(setting: _Bits.cancelRequested)
            guard let link else {
                _ = current._completeCancelled()
                break
            }
            if let upstream = link as? _FutureCore {
                switch upstream._leave(current) {
                case .onlyObserver: current = upstream
                case .left:
                    current._forgetSource()
                    return current._completeCancelled() ? .stopped : .tooLate
                case .late: return .tooLate
                }
                continue
            }
            guard first else { break }
            // The canceller may complete the promise itself; that outcome stands (Twisted: Deferred.cancel).
            if canceller?() ?? .stopped == .stopped { _ = current._completeCancelled() }
            break
        }
        return current._isCancelled ? .stopped : .tooLate
    }

    private enum Leaving { case onlyObserver, left, late }

    /// A derived future no longer wants the outcome. It stays registered if it is the only observer, because the
    /// cancellation then goes on upstream and comes back down as an outcome.
    private final func _leave(_ observer: _Node) -> Leaving {
        guard _acquire() else { return .late }
        let alone = _observerCount == 1
        let removed = alone ? false : _detach(observer)
        _release()
        return alone ? .onlyObserver : removed ? .left : .late
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
        let link = _link
        _release()
        return link as? _FutureCore
    }
}
