// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
import Synchronization

extension Awaitable where Success: Sendable {
    /// The outcome, awaited.
    ///
    /// Awaiting something complete neither suspends nor allocates, also through `any Awaitable`.
    ///
    /// - Executor: Resumes where the caller runs.
    /// - Cancellation: Cancelling the task leaves the source, which is cancelled if nobody else observes it, and throws
    ///   `CancellationError` at once. A cancelled source throws `CancellationError`.
    /// - Errors: The source's own.
    @inlinable
    public var value: Success {
        get async throws {
            let future = _ownFuture ?? future()
            if !future._isDone {
                let waiter = _TaskWaiter()
                if await waiter.wait(for: future) { throw CancellationError() }
            }
            return try future._get()
        }
    }
}

/// The observer of one suspended task.
@usableFromInline
@safe
// SAFETY: `continuation` is written before the node is attached; the word decides who resumes.
final class _TaskWaiter: _Node, @unchecked Sendable {
    private let word = Atomic<UInt8>(0)
    @safe @exclusivity(unchecked) private var continuation: UnsafeContinuation<Void, Never>?
    @safe @exclusivity(unchecked) private var source: _FutureCore?

    private static let registered: UInt8 = 1
    private static let cancelRequested: UInt8 = 2
    private static let left: UInt8 = 4

    @usableFromInline
    override init() { super.init() }

    /// Suspends until the source completes or the task is cancelled.
    ///
    /// - Returns: True if the task was cancelled and the source has been left.
    @usableFromInline
    func wait(for source: _FutureCore) async -> Bool {
        // Not `withTaskCancellationHandler`: its operation leaves the caller's actor and comes back, a second enqueue.
        let record = unsafe sy_task_add_cancellation_handler(
            // SAFETY: the handler is removed below, and `self` lives until this function returns.
            { unsafe Unmanaged<_Node>.fromOpaque($0).takeUnretainedValue()._taskCancelled() },
            Unmanaged.passUnretained(self).toOpaque()
        )
        await unsafe withUnsafeContinuation { continuation in unsafe start(continuation, source) }
        unsafe sy_task_remove_cancellation_handler(record)
        return word.load(ordering: .acquiring) & Self.left != 0
    }

    private func start(_ continuation: UnsafeContinuation<Void, Never>, _ source: _FutureCore) {
        unsafe self.continuation = continuation
        self.source = source
        guard source._attach(self, waking: true) else {
            unsafe continuation.resume()
            return
        }
        let old = word.bitwiseOr(Self.registered, ordering: .acquiringAndReleasing).oldValue
        if old & Self.cancelRequested != 0 { leave(source) }
    }

    override public func _taskCancelled() {
        let old = word.bitwiseOr(Self.cancelRequested, ordering: .acquiringAndReleasing).oldValue
        if old & Self.registered != 0, let source { leave(source) }
    }

    private func leave(_ source: _FutureCore) {
        guard source._cancel(self) == .stopped else { return }
        // A value that came before the request took effect may have nobody else to take it.
        if !source._hasValue { word.bitwiseOr(Self.left, ordering: .releasing) }
        unsafe continuation?.resume()
    }

    override package func _sourceCompleted(_ source: _FutureCore) { unsafe continuation?.resume() }
}
