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
    @usableFromInline typealias Entry = (waiter: Waiter<Value>, extra: Extra)

    @usableFromInline var line = _Ring<Entry>()

    @inlinable
    init() {}

    @inlinable var count: Int { line.count }
    @inlinable var isEmpty: Bool { line.isEmpty }

    @inlinable
    @inline(__always)
    mutating func append(_ waiter: Waiter<Value>, _ extra: Extra) { line.append((waiter, extra)) }

    /// The first that still waits, claimed: the caller has to settle it, when the lock is released.
    @inlinable
    @inline(__always)
    mutating func popClaimed() -> Entry? { line.isEmpty ? nil : popFirstClaimed() }

    @inlinable
    mutating func popFirstClaimed() -> Entry? {
        while let entry = line.popFirst() {
            if entry.waiter.claim() { return entry }
            // Whoever cancels it holds it, so that nothing is destroyed here.
            _ = entry.waiter.drop()
        }
        return nil
    }

    /// All that still wait, claimed.
    mutating func popAllClaimed() -> [Waiter<Value>] {
        var claimed: [Waiter<Value>] = []
        while let entry = popFirstClaimed() { claimed.append(entry.waiter) }
        return claimed
    }

    /// Takes out one that was cancelled, or found something elsewhere; nil if it is not there any more.
    mutating func remove(_ future: _FutureCore) -> Extra? {
        guard let entry = line.removeFirst(where: { $0.waiter.isOf(future) }) else { return nil }
        _ = entry.waiter.drop()
        return entry.extra
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
    @inline(__always)
    mutating func append(_ waiter: Waiter<Value>) { append(waiter, ()) }
}
