// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#if SWITCHYARD_PTHREAD_LOCK
#if canImport(Glibc)
public import Glibc
#elseif canImport(Musl)
public import Musl
#else
public import Darwin
#endif

/// The package's one lock, in the variant that ThreadSanitizer understands.
@safe
@usableFromInline
// SAFETY: the state is only touched by a thread that holds the mutex.
package struct Lock<State>: ~Copyable, @unchecked Sendable {
    @usableFromInline let mutex: UnsafeMutablePointer<pthread_mutex_t>
    @usableFromInline let state: UnsafeMutablePointer<State>

    @inlinable
    package init(_ initial: State) {
        unsafe mutex = .allocate(capacity: 1)
        unsafe state = .allocate(capacity: 1)
        unsafe state.initialize(to: initial)
        unsafe pthread_mutex_init(mutex, nil)
    }

    @inlinable
    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
        unsafe state.deinitialize(count: 1)
        unsafe state.deallocate()
    }

    @inlinable
    package borrowing func withLock<R, E: Error>(_ body: (inout State) throws(E) -> R) throws(E) -> R {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return try unsafe body(&state.pointee)
    }
}
#else
public import Synchronization

/// The package's one lock: held for state only, never while calling out, never across a park.
///
/// The state has memory of its own beside the mutex: a `Mutex` of it is never specialised (6.3.1), and each use would
/// look up the metadata of three types.
@safe
// SAFETY: the state is only touched by a thread that holds the mutex; what leaves it is the caller's to justify.
@usableFromInline
package struct Lock<State>: ~Copyable, @unchecked Sendable {
    @usableFromInline let mutex = Mutex<Void>(())
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
        mutex._unsafeLock()
        defer { mutex._unsafeUnlock() }
        return try unsafe body(&state.pointee)
    }
}
#endif
