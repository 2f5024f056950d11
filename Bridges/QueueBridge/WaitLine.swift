// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// Those who wait in line for what the owner has to give; touched under the owner's lock.
///
/// Who gives something takes a waiter out *and* claims it in one step: from then on the outcome is that waiter's, whoever
/// leaves meanwhile. A future whose cancellation was asked for cannot be claimed, and a greenlet that is not in line any more
/// waits for what it was claimed for. So nothing is lost between (T24).
@usableFromInline
struct WaitLine<Value: Sendable, Extra: Sendable>: Sendable {
    @usableFromInline var line = _Ring<(waiter: Waiter<Value>, extra: Extra)>()

    @inlinable
    init() {}

    @inlinable var count: Int { line.count }
    @inlinable var isEmpty: Bool { line.isEmpty }

    @inlinable
    mutating func append(_ waiter: Waiter<Value>, _ extra: Extra) { line.append((waiter, extra)) }

    /// The first that still waits, claimed: the caller has to settle it, when the lock is released.
    @inlinable
    mutating func popClaimed() -> (waiter: Waiter<Value>, extra: Extra)? {
        while let entry = line.popFirst() {
            if entry.waiter.claim() { return entry }
        }
        return nil
    }

    /// All that still wait, claimed.
    mutating func popAllClaimed() -> [Waiter<Value>] {
        line.removeAll().map(\.waiter).filter { $0.claim() }
    }

    /// Takes out one that was cancelled, or found something elsewhere; nil if it is not there any more.
    mutating func remove(_ future: _FutureCore) -> Extra? {
        line.removeFirst { $0.waiter.isOf(future) }?.extra
    }

    /// Takes out a greenlet that was interrupted; nil if it is not there any more, because somebody has claimed it.
    @inlinable
    mutating func remove(_ greenlet: WaitingGreenlet<Value>) -> Extra? {
        line.removeFirst { entry in
            if case .greenlet(let own) = entry.waiter { own == greenlet } else { false }
        }?.extra
    }
}

extension WaitLine where Extra == Void {
    @inlinable
    mutating func append(_ waiter: Waiter<Value>) { append(waiter, ()) }
}
