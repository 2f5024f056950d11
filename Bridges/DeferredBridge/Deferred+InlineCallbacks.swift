// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

extension Deferred {
    /// Runs a straight-line body that awaits Deferreds, as a task; the Deferred is its outcome (Twisted: inlineCallbacks).
    ///
    ///     let total = Deferred.inlineCallbacks {
    ///         let page = try await fetch(url).value
    ///         return try await count(page).value
    ///     }
    ///
    /// In a greenlet the same body blocks instead: `Greenlet.spawn { try fetch(url).wait() }.deferred()`.
    ///
    /// - Executor: The global concurrent executor, unless the body says otherwise. Task-local values are those of the caller,
    ///   at every line of the body, whoever fires what it awaits.
    /// - Cancellation: Cancelling the Deferred cancels the one that the body awaits, through nested bodies down to the
    ///   innermost. The body sees what that comes to, mostly `CancellationError`: it may handle that and go on, then the
    ///   Deferred stays pending, and a second cancellation reaches the next wait. A body that awaits something other than a
    ///   Deferred, or is computing, has its task cancelled, which lasts: write `try await x.deferred().value` for the first.
    /// - Errors: What the body throws.
    public static func inlineCallbacks(
        _ label: String? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: @escaping @Sendable () async throws -> Success
    ) -> Deferred<Success> {
        let deferred = Deferred(DeferredState(), label, fileID, line)
        let frame = InlineFrame()
        let task = InlineFrame.$current.withValue(frame) {
            Task {
                do { deferred.settle(value: try await body()) } catch { deferred.settle(.failure(error)) }
            }
        }
        // The outcome is the body's, also after a cancellation: it may take its time to clean up.
        deferred.setCanceller {
            if !frame.cancelWaits() { task.cancel() }
            return .tooLate
        }
        return deferred
    }
}

/// What the body of one `inlineCallbacks` awaits. The functions it calls share it; nested bodies have their own.
final class InlineFrame: Sendable {
    @TaskLocal static var current: InlineFrame?

    /// More than one if the body has child tasks.
    private let waits = Lock<[_DeferredCore]>([])

    func enter(_ node: _DeferredCore) { waits.withLock { $0.append(node) } }

    func leave(_ node: _DeferredCore) {
        let removed = waits.withLock { waits in
            waits.lastIndex { $0 === node }.map { waits.remove(at: $0) }
        }
        _ = consume removed
    }

    /// Cancels what is awaited.
    ///
    /// - Returns: False if nothing is.
    func cancelWaits() -> Bool {
        let nodes = waits.withLock { $0 }
        for node in nodes { node.cancelChain() }
        return !nodes.isEmpty
    }
}
