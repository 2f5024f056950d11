// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// The package's one lock: held for state only, never while calling out, never across a park.
///
/// The state has memory of its own beside the word that is locked: a generic lock around it is never specialised (6.3.1),
/// and each use would look up the metadata of three types.
@safe
// SAFETY: the state is only touched by a thread that holds the lock; what leaves it is the caller's to justify.
@usableFromInline
package struct Lock<State>: ~Copyable, @unchecked Sendable {
    @usableFromInline let word = LockWord()
    @usableFromInline let state: UnsafeMutablePointer<State>

    @inlinable
    package init(_ initial: State) {
        unsafe state = .allocate(capacity: 1)
        unsafe state.initialize(to: initial)
    }

    @inlinable
    deinit {
        unsafe state.deinitialize(count: 1)
        unsafe state.deallocate()
    }

    @inlinable
    package borrowing func withLock<R, E: Error>(_ body: (inout State) throws(E) -> R) throws(E) -> R {
        word.lock()
        defer { word.unlock() }
        return try unsafe body(&state.pointee)
    }
}

extension Lock {
    /// The two halves of a `withLock` around a fork, see ``ForkGuarded``.
    package borrowing func lockForFork(_ body: (inout State) -> Void = { _ in }) {
        word.lock()
        unsafe body(&state.pointee)
    }

    package borrowing func unlockAfterFork(_ body: (inout State) -> Void = { _ in }) {
        unsafe body(&state.pointee)
        word.unlock()
    }
}
