// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// What a producer says to a plain thread that is about to block on its future.
package enum BlockingAnswer {
    case allowed
    /// Allowed; the producer is told when the thread goes on.
    case allowedUntil(end: @Sendable () -> Void)
    case refused(WouldDeadlock)
}

extension Promise {
    /// Sets who is asked before a plain thread blocks on the future, or on one derived from it: the source may know that
    /// this very thread would have to do the work (concurrent.futures: a job that waits for a job of its own pool).
    package func _askBeforeBlocking(_ question: @escaping @Sendable () -> BlockingAnswer) {
        _ = _future._changeExtras { $0.mayBlock = question }
    }
}

extension _FutureCore {
    /// Blocks the calling thread with `body`, if this future's producer agrees, who knows of it meanwhile.
    ///
    /// - Parameter body: A wait for this future, or for what its completion ends.
    package final func _whileBlocking<R>(_ body: () throws -> R) throws -> R {
        switch _mayBlock {
        case .allowed: return try body()
        case .allowedUntil(let end):
            defer { end() }
            return try body()
        case .refused(let error): throw error
        }
    }

    /// Whether the calling thread may block until this future is done, as far as its producer knows.
    ///
    /// - Complexity: O(length of the chain).
    private final var _mayBlock: BlockingAnswer {
        var current: _FutureCore = self
        while true {
            guard current._acquire() else { return .allowed }
            let link = current._linked
            current._release()
            guard let upstream = link as? _FutureCore else { return (link as? _Extras)?.mayBlock?() ?? .allowed }
            current = upstream
        }
    }
}
