// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// The elements of a queue, in its order.
@usableFromInline
struct QueueStore<Element: Sendable> {
    @usableFromInline let order: QueueOrder<Element>.Kind
    @usableFromInline var ring = _Ring<Element>()
    /// A binary heap; elements that are equally urgent are told apart by their number.
    @usableFromInline var heap: [(element: Element, number: Int)] = []
    @usableFromInline var nextNumber = 0
    @usableFromInline var lowestNumber = 0

    @inlinable
    init(_ order: QueueOrder<Element>) { self.order = order.kind }

    @inlinable var count: Int { ring.count + heap.count }
    @inlinable var isEmpty: Bool { count == 0 }

    /// The one that comes out next.
    @inlinable var first: Element? {
        switch order {
        case .fifo: ring.first
        case .lifo: ring.last
        case .priority: heap.first?.element
        }
    }

    @inlinable
    @inline(__always)
    mutating func insert(_ element: Element) {
        if case .priority(let isMoreUrgent) = order {
            push(element, nextNumber, isMoreUrgent)
            nextNumber += 1
        } else {
            ring.append(element)
        }
    }

    /// An element that was taken and comes back: it is the next one again, among equals.
    @inlinable
    mutating func putBack(_ element: Element) {
        switch order {
        case .fifo: ring.prepend(element)
        case .lifo: ring.append(element)
        case .priority(let isMoreUrgent):
            lowestNumber -= 1
            push(element, lowestNumber, isMoreUrgent)
        }
    }

    @inlinable
    @inline(__always)
    mutating func takeFirst() -> Element? {
        switch order {
        case .fifo: ring.popFirst()
        case .lifo: ring.popLast()
        case .priority(let isMoreUrgent): pop(isMoreUrgent)
        }
    }

    @inlinable
    mutating func removeAll() -> [Element] {
        var all: [Element] = []
        while let element = takeFirst() { all.append(element) }
        return all
    }

    // MARK: The heap

    @inlinable
    func precedes(_ a: Int, _ b: Int, _ isMoreUrgent: (Element, Element) -> Bool) -> Bool {
        if isMoreUrgent(heap[a].element, heap[b].element) { return true }
        if isMoreUrgent(heap[b].element, heap[a].element) { return false }
        return heap[a].number < heap[b].number
    }

    @inlinable
    mutating func push(_ element: Element, _ number: Int, _ isMoreUrgent: (Element, Element) -> Bool) {
        heap.append((element, number))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard precedes(child, parent, isMoreUrgent) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    @inlinable
    mutating func pop(_ isMoreUrgent: (Element, Element) -> Bool) -> Element? {
        guard !heap.isEmpty else { return nil }
        heap.swapAt(0, heap.count - 1)
        let top = heap.removeLast().element
        var parent = 0
        while true {
            var best = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && precedes(child, best, isMoreUrgent) {
                best = child
            }
            if best == parent { return top }
            heap.swapAt(best, parent)
            parent = best
        }
    }
}
