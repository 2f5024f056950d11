// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Synchronization

#if SWITCHYARD_PTHREAD_LOCK
    #if canImport(Glibc)
        package import Glibc
    #elseif canImport(Musl)
        package import Musl
    #else
        package import Darwin
    #endif

    /// The package's one lock, in the variant that ThreadSanitizer understands.
    package struct Lock<State>: ~Copyable, @unchecked Sendable {
        // SAFETY: both are only touched by a thread that holds the mutex.
        private let mutex: UnsafeMutablePointer<pthread_mutex_t>
        private let state: UnsafeMutablePointer<State>

        package init(_ initial: State) {
            unsafe mutex = .allocate(capacity: 1)
            unsafe state = .allocate(capacity: 1)
            unsafe state.initialize(to: initial)
            unsafe pthread_mutex_init(mutex, nil)
        }

        deinit {
            unsafe pthread_mutex_destroy(mutex)
            unsafe mutex.deallocate()
            unsafe state.deinitialize(count: 1)
            unsafe state.deallocate()
        }

        package borrowing func withLock<R, E: Error>(_ body: (inout State) throws(E) -> R) throws(E) -> R {
            unsafe pthread_mutex_lock(mutex)
            defer { unsafe pthread_mutex_unlock(mutex) }
            return try unsafe body(&state.pointee)
        }
    }
#else
    /// Not nested and not private: the compiler (6.3.1) emits a broken module for the metadata of such a type.
    struct LockStorage<State>: @unchecked Sendable {
        // SAFETY: lives inside the mutex.
        var state: State
    }

    /// The package's one lock: held for state only, never while calling out, never across a park.
    package struct Lock<State>: ~Copyable, @unchecked Sendable {
        // SAFETY: the state is reached through the mutex alone; what leaves it is the caller's to justify.
        private let mutex: Mutex<LockStorage<State>>

        package init(_ initial: State) { mutex = Mutex(LockStorage(state: initial)) }

        package borrowing func withLock<R, E: Error>(_ body: (inout State) throws(E) -> R) throws(E) -> R {
            // SAFETY: the result is handed to the caller that holds the lock; it is not shared by this type.
            nonisolated(unsafe) var result: R?
            try mutex.withLock { (storage: inout sending LockStorage<State>) throws(E) in
                unsafe result = try body(&storage.state)
            }
            return unsafe result.take()!
        }
    }
#endif
