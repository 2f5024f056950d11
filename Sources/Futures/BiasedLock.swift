// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#if os(Linux) && !SWITCHYARD_PTHREAD_LOCK
public import CFutures
public import Synchronization

/// A ``Lock`` that changes nothing atomically for as long as one thread alone uses it: what the greenlets of one loop share.
///
/// A thread that has locked it many times in a row becomes its favourite, and from then on only says that it is inside. The
/// first other one to come revokes that for good: it has the kernel pass a barrier through all processors, so that the
/// favourite's next look sees the revocation, and waits for it to be outside. That takes some microseconds, once.
///
/// As with ``Lock`` nothing calls out with it held.
@safe
// SAFETY: as for `Lock`.
@usableFromInline
package struct BiasedLock<State>: ~Copyable, @unchecked Sendable {
    @usableFromInline let lock: Lock<State>
    @usableFromInline let bias = LockBias()

    @inlinable
    package init(_ initial: State) { lock = Lock(initial) }

    @inlinable
    package borrowing func withLock<R, E: Error>(_ body: (inout State) throws(E) -> R) throws(E) -> R {
        let thread = sy_thread_number()
        let isFavourite = bias.enter(thread)
        if !isFavourite {
            lock.word.lock()
            bias.passed(thread)
        }
        defer { if isFavourite { bias.leave() } else { lock.word.unlock() } }
        return try unsafe body(&lock.state.pointee)
    }

    /// One thread enters without the word.
    package var isBiased: Bool { bias.hasFavourite }
}

/// Whose a lock is, and whether that thread is inside.
@usableFromInline
struct LockBias: ~Copyable, Sendable {
    /// How often in a row a thread has locked it before it becomes the favourite: what is soon given to another is not worth
    /// the revocation.
    private static let streakOfFavourites: UInt32 = 64
    /// How often another thread may come before there is one.
    private static let changesAllowed: UInt32 = 3
    @usableFromInline static var nobody: UInt64 { 0 }
    @usableFromInline static var nobodyEver: UInt64 { .max }

    @usableFromInline let favourite = Atomic<UInt64>(0)
    /// Written by the favourite alone.
    @usableFromInline let isInside = Atomic<Bool>(false)
    // The rest changes under the word only.
    private let candidate = Atomic<UInt64>(0)
    private let streak = Atomic<UInt32>(0)
    private let changes = Atomic<UInt32>(0)

    @usableFromInline
    init() {}

    @usableFromInline
    var hasFavourite: Bool {
        let thread = favourite.load(ordering: .relaxed)
        return thread != Self.nobody && thread != Self.nobodyEver
    }

    /// Whether the thread may go on without the word.
    @inlinable
    @inline(__always)
    borrowing func enter(_ thread: UInt64) -> Bool {
        guard favourite.load(ordering: .relaxed) == thread else { return false }
        #if DEBUG
        trapRecursion()
        #endif
        isInside.store(true, ordering: .relaxed)
        // The processor may look before others see what was written: who revokes passes a barrier through it in between.
        sy_keep_order()
        if favourite.load(ordering: .relaxed) == thread { return true }
        leave()
        return false
    }

    @inlinable
    @inline(__always)
    borrowing func leave() {
        // What was read is retained by now, see `sy_keep_order`.
        sy_keep_order()
        isInside.store(false, ordering: .releasing)
    }

    /// With the word taken.
    @inlinable
    @inline(__always)
    borrowing func passed(_ thread: UInt64) {
        if favourite.load(ordering: .relaxed) != Self.nobodyEver { reconsider(thread) }
    }

    @usableFromInline
    @inline(never)
    borrowing func reconsider(_ thread: UInt64) {
        guard favourite.load(ordering: .relaxed) == Self.nobody else { return revoke() }
        guard candidate.load(ordering: .relaxed) == thread else {
            let count = changes.wrappingAdd(1, ordering: .relaxed).newValue
            if count > Self.changesAllowed { return favourite.store(Self.nobodyEver, ordering: .relaxed) }
            candidate.store(thread, ordering: .relaxed)
            return streak.store(1, ordering: .relaxed)
        }
        guard streak.wrappingAdd(1, ordering: .relaxed).newValue >= Self.streakOfFavourites else { return }
        favourite.store(sy_barrier_is_available() ? thread : Self.nobodyEver, ordering: .relaxed)
    }

    /// Comes back when the favourite is outside, and stays there.
    private borrowing func revoke() {
        favourite.store(Self.nobodyEver, ordering: .relaxed)
        sy_barrier_all()
        // State is held for a few dozen instructions; a favourite that has lost its processor meanwhile gets it back.
        while isInside.load(ordering: .acquiring) { sy_thread_yield() }
    }

    #if DEBUG
    @usableFromInline
    borrowing func trapRecursion() {
        if isInside.load(ordering: .relaxed) {
            fatalError("switchyard: an internal lock is taken by the thread that holds it, which would wait for itself")
        }
    }
    #endif
}
#else
/// Without the kernel's barrier, or for who must see each change, a lock like any other.
@usableFromInline
package typealias BiasedLock = Lock

extension Lock {
    /// One thread enters without the word.
    package var isBiased: Bool { false }
}
#endif
