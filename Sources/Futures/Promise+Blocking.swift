// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

extension Promise {
    /// Sets who is asked before a plain thread blocks on the future, or on one derived from it: the source may know that
    /// this very thread would have to do the work (concurrent.futures: a job that waits for a job of its own pool).
    package func _refuseBlocking(_ refusal: @escaping @Sendable () -> WouldDeadlock?) {
        _ = _future._changeExtras { $0.refusal = refusal }
    }
}

extension _FutureCore {
    /// Why the calling thread must not block until this future is done, as far as its producer knows.
    ///
    /// - Complexity: O(length of the chain).
    final var _refusalToBlock: WouldDeadlock? {
        var current: _FutureCore = self
        while true {
            guard current._acquire() else { return nil }
            let link = current._link
            current._release()
            guard let upstream = link as? _FutureCore else { return (link as? _Extras)?.refusal?() }
            current = upstream
        }
    }
}
