// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// A queue in an array: both ends in O(1), amortised.
@usableFromInline
package struct _Ring<Element> {
    @usableFromInline var slots: [Element?] = []
    @usableFromInline var head = 0
    @usableFromInline var size = 0

    @inlinable package var count: Int { size }

    @inlinable
    package init() {}

    @inlinable package var isEmpty: Bool { count == 0 }

    @inlinable package var first: Element? { count == 0 ? nil : slots[head] }

    @inlinable package var last: Element? { count == 0 ? nil : slots[(head + count - 1) & (slots.count - 1)] }

    @inlinable
    package mutating func append(_ element: Element) {
        makeRoom()
        slots[(head + count) & (slots.count - 1)] = element
        size += 1
    }

    @inlinable
    package mutating func prepend(_ element: Element) {
        makeRoom()
        head = (head - 1) & (slots.count - 1)
        slots[head] = element
        size += 1
    }

    @inlinable
    package mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        defer {
            head = (head + 1) & (slots.count - 1)
            size -= 1
        }
        return slots[head].take()
    }

    @inlinable
    package mutating func popLast() -> Element? {
        guard count > 0 else { return nil }
        size -= 1
        return slots[(head + count) & (slots.count - 1)].take()
    }

    /// Removes the first element that matches; O(count).
    @inlinable
    package mutating func removeFirst(where matches: (Element) -> Bool) -> Element? {
        for offset in 0..<count {
            guard let element = slots[(head + offset) & (slots.count - 1)], matches(element) else { continue }
            return remove(at: offset)
        }
        return nil
    }

    /// Removes the element at this place, counted from the first; nil if there is none; O(count).
    @inlinable
    package mutating func remove(at offset: Int) -> Element? {
        guard offset < count else { return nil }
        if offset == 0 { return popFirst() }
        let element = slots[(head + offset) & (slots.count - 1)]
        for later in offset..<count - 1 {
            slots[(head + later) & (slots.count - 1)] = slots[(head + later + 1) & (slots.count - 1)]
        }
        size -= 1
        slots[(head + count) & (slots.count - 1)] = nil
        return element
    }

    /// Replaces the first element for which there is a replacement; O(count).
    ///
    /// - Returns: Whether there was one.
    @inlinable
    package mutating func replaceFirst(by replacement: (Element) -> Element?) -> Bool {
        for offset in 0..<count {
            let index = (head + offset) & (slots.count - 1)
            guard let element = slots[index], let replaced = replacement(element) else { continue }
            slots[index] = replaced
            return true
        }
        return false
    }

    /// Whether there is one that matches; O(count).
    @inlinable
    package func contains(where matches: (Element) -> Bool) -> Bool {
        (0..<count).contains { slots[(head + $0) & (slots.count - 1)].map(matches) ?? false }
    }

    /// All, first to last.
    @inlinable package var elements: [Element] { (0..<count).map { slots[(head + $0) & (slots.count - 1)]! } }

    @inlinable
    package mutating func removeAll() -> [Element] {
        defer { self = _Ring() }
        return elements
    }

    @inlinable
    mutating func makeRoom() {
        if count == slots.count { grow() }
    }

    @inlinable
    @inline(never)
    mutating func grow() {
        var bigger: [Element?] = []
        bigger.reserveCapacity(max(4, slots.count * 2))
        for offset in 0..<count { bigger.append(slots[(head + offset) & (slots.count - 1)]) }
        bigger.append(contentsOf: repeatElement(nil, count: max(4, slots.count * 2) - count))
        (slots, head) = (bigger, 0)
    }
}

extension _Ring: Sendable where Element: Sendable {}
