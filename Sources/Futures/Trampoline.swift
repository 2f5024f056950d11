// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
public import Synchronization

/// Delivers to observers, one at a time and in order, never nested: what becomes due while a delivery runs waits for its
/// turn. There is one trampoline per execution context (thread, greenlet, portal); a stack switch changes it.
@usableFromInline
package enum _Trampoline {
    /// Runs the node's delivery now, or appends it to the deliveries of this context.
    @inlinable
    package static func deliver(_ node: _FutureCore) {
        if node._state.load(ordering: .relaxed) & _Bits.onDrain != 0 {
            deliverOnDrain(node)
            return
        }
        guard let trampoline = unsafe begin(node) else { return }
        node._run()
        unsafe end(trampoline)
    }

    @usableFromInline
    static func deliverOnDrain(_ node: _FutureCore) { Drain.shared.enqueue(ContextSnapshot.bound(node)) }

    /// On the drain: delivers a node marked for it.
    static func deliver(drained node: _Node) { deliver(late: node) }

    /// Delivers to an observer that came after the completion; behind the others, if those are on the drain.
    @usableFromInline
    static func deliver(late node: _Node, of source: _FutureCore) {
        let state = source._state.load(ordering: .relaxed)
        let node = state & _Bits.bound == 0 ? node : source._bound(node)
        if state & _Bits.onDrain != 0 { Drain.shared.enqueue(node) } else { deliver(late: node) }
    }

    /// The same for a node that is not a future.
    static func deliver(late node: _Node) {
        guard let trampoline = unsafe begin(node) else { return }
        node._run()
        unsafe end(trampoline)
    }

    /// Enters the trampoline of the calling context.
    ///
    /// - Returns: The trampoline, for `end`; nil if a delivery is running: the node was appended.
    @usableFromInline
    static func begin(_ node: _Node) -> UnsafeMutableRawPointer? {
        let trampoline = unsafe sy_thread_current().pointee.trampoline
        guard unsafe trampoline.pointee.active == 0 else {
            // SAFETY: the queue owns one reference to each node in it; `end` takes it back.
            unsafe sy_trampoline_push(trampoline, Unmanaged.passRetained(ContextSnapshot.bound(node)).toOpaque())
            return nil
        }
        unsafe trampoline.pointee.active = 1
        // SAFETY: for a look at it while the caller, who keeps the node, delivers it.
        unsafe trampoline.pointee.running = Unmanaged.passUnretained(node).toOpaque()
        return UnsafeMutableRawPointer(trampoline)
    }

    /// The calling context's.
    static var current: UnsafeMutablePointer<sy_trampoline> { unsafe sy_thread_current().pointee.trampoline }

    /// In a delivery: whether nothing waits on this context, so that a chain may go on with `node` directly.
    static func canContinue(_ trampoline: UnsafeMutablePointer<sy_trampoline>, with node: _FutureCore) -> Bool {
        guard unsafe trampoline.pointee.count == 0 else { return false }
        // SAFETY: the chain holds the node while it is the one that runs.
        unsafe trampoline.pointee.running = Unmanaged.passUnretained(node).toOpaque()
        return true
    }

    /// Leaves the trampoline, which belongs to the calling context, after having run what came meanwhile.
    @usableFromInline
    static func end(_ trampoline: UnsafeMutableRawPointer) {
        let trampoline = unsafe trampoline.assumingMemoryBound(to: sy_trampoline.self)
        while unsafe trampoline.pointee.count != 0, let item = unsafe sy_trampoline_pop(trampoline) {
            // SAFETY: the reference pushed by `begin`.
            let node = unsafe Unmanaged<_Node>.fromOpaque(item).takeRetainedValue()
            unsafe trampoline.pointee.running = item
            node._run()
        }
        unsafe trampoline.pointee.active = 0
        unsafe trampoline.pointee.running = nil
    }

    /// The node whose observers are being called on this context, if any.
    static var running: _Node? {
        let trampoline = unsafe sy_thread_current().pointee.trampoline
        guard unsafe trampoline.pointee.active != 0, let item = unsafe trampoline.pointee.running else { return nil }
        // SAFETY: the delivery in progress keeps the node alive.
        return unsafe Unmanaged<_Node>.fromOpaque(item).takeUnretainedValue()
    }
}
