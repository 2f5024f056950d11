// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// A queue in an array: both ends in O(1), amortised.
package struct _Ring<Element> {
    private var slots: [Element?] = []
    private var head = 0
    package private(set) var count = 0

    package init() {}

    package var isEmpty: Bool { count == 0 }

    package var first: Element? { count == 0 ? nil : slots[head] }

    package var last: Element? { count == 0 ? nil : slots[(head + count - 1) & (slots.count - 1)] }

    package mutating func append(_ element: Element) {
        makeRoom()
        slots[(head + count) & (slots.count - 1)] = element
        count += 1
    }

    package mutating func prepend(_ element: Element) {
        makeRoom()
        head = (head - 1) & (slots.count - 1)
        slots[head] = element
        count += 1
    }

    package mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        defer {
            head = (head + 1) & (slots.count - 1)
            count -= 1
        }
        return slots[head].take()
    }

    package mutating func popLast() -> Element? {
        guard count > 0 else { return nil }
        count -= 1
        return slots[(head + count) & (slots.count - 1)].take()
    }

    /// Removes the first element that matches; O(count).
    package mutating func removeFirst(where matches: (Element) -> Bool) -> Element? {
        for offset in 0..<count {
            let index = (head + offset) & (slots.count - 1)
            guard let element = slots[index], matches(element) else { continue }
            for later in offset..<count - 1 {
                slots[(head + later) & (slots.count - 1)] = slots[(head + later + 1) & (slots.count - 1)]
            }
            count -= 1
            slots[(head + count) & (slots.count - 1)] = nil
            return element
        }
        return nil
    }

    /// Replaces the first element for which there is a replacement; O(count).
    ///
    /// - Returns: Whether there was one.
    package mutating func replaceFirst(by replacement: (Element) -> Element?) -> Bool {
        for offset in 0..<count {
            let index = (head + offset) & (slots.count - 1)
            guard let element = slots[index], let replaced = replacement(element) else { continue }
            slots[index] = replaced
            return true
        }
        return false
    }

    /// All, first to last.
    package var elements: [Element] { (0..<count).map { slots[(head + $0) & (slots.count - 1)]! } }

    package mutating func removeAll() -> [Element] {
        defer { self = _Ring() }
        return elements
    }

    private mutating func makeRoom() {
        guard count == slots.count else { return }
        var bigger: [Element?] = []
        bigger.reserveCapacity(max(4, slots.count * 2))
        for offset in 0..<count { bigger.append(slots[(head + offset) & (slots.count - 1)]) }
        bigger.append(contentsOf: repeatElement(nil, count: max(4, slots.count * 2) - count))
        (slots, head) = (bigger, 0)
    }
}

extension _Ring: Sendable where Element: Sendable {}
