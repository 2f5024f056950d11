// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// What a queue is: a pure state machine. Each event answers what is to be done when the lock is released.
@usableFromInline
struct QueueState<Element: Sendable> {
    /// Futures that have been claimed, and what becomes of them.
    @usableFromInline
    enum Settlement: Sendable {
        case element(Waiter<Element>, Element)
        case done(Waiter<Void>)
        case refusedGetter(Waiter<Element>)
        case refusedPutter(Waiter<Void>)
    }

    @usableFromInline
    enum Access { case open, draining, closed }

    @usableFromInline let capacity: Int
    @usableFromInline var access = Access.open
    @usableFromInline var store: QueueStore<Element>
    @usableFromInline var getters = WaitLine<Element, Void>()
    @usableFromInline var putters = WaitLine<Void, Element>()
    @usableFromInline var joiners = WaitLine<Void, Void>()
    /// Elements that were put, and whose work has not been said to be done.
    @usableFromInline var unfinished = 0

    @inlinable
    init(capacity: Int, order: QueueOrder<Element>) {
        self.capacity = capacity
        store = QueueStore(order)
    }

    @inlinable var isFull: Bool { capacity > 0 && store.count >= capacity }

    // MARK: Putting

    @usableFromInline
    enum Put { case accepted(Settlement?), full, refused }

    /// Hands the element to the getter who waits longest, or stores it.
    @inlinable
    @inline(__always)
    mutating func put(_ element: Element) -> Put {
        guard access == .open else { return .refused }
        if let getter = getters.popClaimed() {
            unfinished += 1
            return .accepted(.element(getter.waiter, element))
        }
        if isFull { return .full }
        unfinished += 1
        store.insert(element)
        return .accepted(nil)
    }

    @inlinable
    @inline(__always)
    mutating func wait(_ putter: Waiter<Void>, with element: Element) { putters.append(putter, element) }

    @usableFromInline
    enum Return { case settlements([Settlement]), dropped }

    /// An element that nobody had after all. What was closed at once drops it, as it did with the others.
    mutating func putBack(_ element: Element) -> Return {
        if access == .closed {
            unfinished -= 1
            return .dropped
        }
        if let getter = getters.popClaimed() { return .settlements([.element(getter.waiter, element)]) }
        store.putBack(element)
        return .settlements([])
    }

    // MARK: Getting

    @usableFromInline
    enum Get { case element(Element, Settlement?), empty, refused }

    @inlinable
    @inline(__always)
    mutating func get() -> Get {
        if let element = store.takeFirst() { return .element(element, admit()) }
        return access == .open ? .empty : .refused
    }

    /// There is room: the putter who waits longest gets it.
    @inlinable
    @inline(__always)
    mutating func admit() -> Settlement? {
        guard !isFull, let putter = putters.popClaimed() else { return nil }
        unfinished += 1
        store.insert(putter.extra)
        return .done(putter.waiter)
    }

    @inlinable
    @inline(__always)
    mutating func wait(_ getter: Waiter<Element>) { getters.append(getter) }

    /// A waiter was cancelled. What it had to put goes with it.
    mutating func leave(_ future: _FutureCore) -> Element? {
        if getters.remove(future) != nil || joiners.remove(future) != nil { return nil }
        return putters.remove(future)
    }

    /// A greenlet was interrupted. What it had to put goes with it.
    ///
    /// - Returns: False if it was claimed.
    @inlinable
    mutating func leave(getter: WaitingGreenlet<Element>) -> Bool { getters.remove(getter) != nil }

    /// The same for one who waits to put: the element, nil if it was claimed.
    @inlinable
    mutating func leave(putter: WaitingGreenlet<Void>) -> Element? { putters.remove(putter) }

    // MARK: Joining

    /// Nil if that was one too many.
    mutating func taskDone() -> [Settlement]? {
        guard unfinished > 0 else { return nil }
        unfinished -= 1
        return finishJoiners()
    }

    mutating func finishJoiners() -> [Settlement] {
        unfinished == 0 ? joiners.popAllClaimed().map { .done($0.waiter) } : []
    }

    mutating func wait(joiner: Waiter<Void>) { joiners.append(joiner) }

    // MARK: Closing

    /// Refuses whoever comes to put; those who wait are refused one by one, see `refuseNext`.
    ///
    /// - Returns: What was dropped, to be released when nothing is locked.
    mutating func close(immediately: Bool) -> [Element] {
        access = immediately ? .closed : access == .open ? .draining : access
        guard immediately else { return [] }
        let dropped = store.removeAll()
        unfinished -= dropped.count
        return dropped
    }

    /// Somebody waits.
    var isAwaited: Bool { !putters.isEmpty || !getters.isEmpty || !joiners.isEmpty }

    /// After the closing: who still waits to put, with what that was, or for an element that cannot come. Each is settled
    /// before the next is claimed: a select may wait on both sides.
    mutating func refuseNext() -> (Settlement, Element?)? {
        if let putter = putters.popClaimed() { return (.refusedPutter(putter.waiter), putter.extra) }
        return getters.popClaimed().map { (.refusedGetter($0.waiter), nil) }
    }

    /// Nobody owns the queue any more: whoever still joins it would wait for ever. What it holds stays for the iterators and
    /// subscriptions that there are, which own no queue.
    mutating func refuseJoiners() -> [Settlement] { joiners.popAllClaimed().map { .refusedPutter($0.waiter) } }
}
