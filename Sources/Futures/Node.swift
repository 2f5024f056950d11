// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// A thing in the graph of futures: it can be delivered by a trampoline, can listen to a source, can own observers.
///
/// Not for use outside of Switchyard. It is a class, not a protocol, so that an observer costs one word in its source
/// and a delivery costs one virtual call without generic metadata.
open class _Node: @unchecked Sendable {  // SAFETY: no state here; each subclass says how its own is guarded.
    @inlinable
    package init() {}

    /// Delivers what became due; called by a trampoline, never nested.
    @usableFromInline package func _run() {}

    /// The source this node listens to has completed.
    @usableFromInline package func _sourceCompleted(_ source: _FutureCore) {}

    /// The same, asked by a chain that delivers step by step.
    ///
    /// - Returns: True if this node is a future that is complete now and has to be delivered by the caller.
    @usableFromInline package func _sourceCompletedInChain(_ source: _FutureCore) -> Bool {
        _sourceCompleted(source)
        return false
    }

    /// Removes an observer; true if it will never be called.
    @usableFromInline package func _withdraw(_ token: _Node?) -> Bool { false }

    /// Removes an observer and stops the source if nobody else is left.
    @usableFromInline package func _cancel(_ token: _Node?) -> CancellationAnswer { .tooLate }

    /// As the link of a future, with that one's `busy` held: takes what its cancellation has to call, which is called
    /// without it.
    open func _takeCanceller(of future: _FutureCore) -> (@Sendable () -> CancellationAnswer)? { nil }

    /// The source this node listened to was left: what was kept for its outcome can go.
    package func _forgetSource() {}

    /// The task that suspended on behalf of this node was cancelled. From any thread.
    open func _taskCancelled() {}

    /// The loop on which alone something can end a wait at this node; nil where anybody may.
    open var _confinement: ObjectIdentifier? { nil }

    /// A line for diagnostics.
    open var _summary: String { "\(Self.self)" }
}
