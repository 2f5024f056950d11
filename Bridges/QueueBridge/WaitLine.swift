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

    /// Who cannot be claimed is about to leave, and takes along what it has to put: that is not to be destroyed here, under
    /// the lock.
    @inlinable
    mutating func popFirstClaimed() -> Entry? {
        guard let entry = line.popFirst() else { return nil }
        if entry.waiter.claim() { return entry }
        line.prepend(entry)
        return line.removeFirst { $0.waiter.claim() }
    }

    /// All that still wait, claimed, with what they had to put: to be released when nothing is locked.
    mutating func popAllClaimed() -> [Entry] {
        var claimed: [Entry] = []
        while let entry = popFirstClaimed() { claimed.append(entry) }
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
