// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

// Two ways to lock, with one condition: that a child can be forked while it is held, and give it back there.
// `Synchronization.Mutex` remembers the thread's number: in a forked child it dies where it has to wait on Linux, and an
// unfair lock of Darwin's where it is given back.

#if SWITCHYARD_PTHREAD_LOCK || !os(Linux)
#if canImport(Glibc)
public import Glibc
#elseif canImport(Musl)
public import Musl
#else
public import Darwin
#endif

/// The lock that ThreadSanitizer understands, and the one where there are no futexes.
@safe
@usableFromInline
// SAFETY: made for use from several threads.
struct LockWord: ~Copyable, @unchecked Sendable {
    @usableFromInline let mutex: UnsafeMutablePointer<pthread_mutex_t>

    @inlinable
    init() {
        unsafe mutex = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
    }

    @inlinable
    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
    }

    @inlinable
    borrowing func lock() { unsafe pthread_mutex_lock(mutex) }

    @inlinable
    borrowing func unlock() { unsafe pthread_mutex_unlock(mutex) }
}
#else
public import CFutures
public import Synchronization

/// A word that says free, locked, or locked with threads asleep before it; the kernel keeps those.
@usableFromInline
struct LockWord: ~Copyable, Sendable {
    @usableFromInline let word = Atomic<UInt32>(0)
    #if DEBUG
    /// Whose it is: a thread that locks it again would wait for itself.
    private let owner = Atomic<UInt64>(0)
    #endif

    @inlinable
    init() {}

    @inlinable
    @inline(__always)
    borrowing func lock() {
        #if DEBUG
        lockChecked()
        #else
        if !take() { lockSlowly() }
        #endif
    }

    @inlinable
    @inline(__always)
    borrowing func unlock() {
        // What was read is retained by now, see `sy_keep_order`.
        sy_keep_order()
        #if DEBUG
        unlockChecked()
        #else
        if word.exchange(0, ordering: .releasing) == 2 { wakeOne() }
        #endif
    }

    /// Takes it if it is free.
    @inlinable
    @inline(__always)
    borrowing func take() -> Bool {
        word.compareExchange(expected: 0, desired: 1, successOrdering: .acquiring, failureOrdering: .relaxed).exchanged
    }

    @usableFromInline
    @inline(never)
    borrowing func lockSlowly() {
        // SAFETY: an atomic has one address for as long as it lives, and is locked by who keeps it alive.
        unsafe withUnsafePointer(to: word) { unsafe sy_lock_wait(UnsafeRawPointer($0)) }
    }

    @usableFromInline
    @inline(never)
    borrowing func wakeOne() {
        // SAFETY: as above; who unlocks may be the last who needs it, and then nobody waits at that address.
        unsafe withUnsafePointer(to: word) { unsafe sy_lock_wake(UnsafeRawPointer($0)) }
    }

    #if DEBUG
    @usableFromInline
    borrowing func lockChecked() {
        let thread = sy_thread_number()
        if owner.load(ordering: .relaxed) == thread {
            fatalError("switchyard: an internal lock is taken by the thread that holds it, which would wait for itself")
        }
        if !take() { lockSlowly() }
        owner.store(thread, ordering: .relaxed)
    }

    @usableFromInline
    borrowing func unlockChecked() {
        owner.store(0, ordering: .relaxed)
        if word.exchange(0, ordering: .releasing) == 2 { wakeOne() }
    }
    #endif
}
#endif
