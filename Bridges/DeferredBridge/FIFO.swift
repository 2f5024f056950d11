// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// A line: first in, first out, with a constant cost at both ends. What has left it is released at once.
struct FIFO<Element> {
    private var slots: [Element?] = []
    private var head = 0

    var isEmpty: Bool { head == slots.count }
    var count: Int { slots.count - head }

    mutating func append(_ element: Element) { slots.append(element) }

    mutating func popFirst() -> Element? {
        guard head < slots.count else { return nil }
        let element = slots[head].take()
        head += 1
        if head == slots.count {
            slots.removeAll(keepingCapacity: true)
            head = 0
        } else if head >= 32, head * 2 >= slots.count {
            // A line that never runs empty would grow for ever.
            slots.removeFirst(head)
            head = 0
        }
        return element
    }

    /// Removes the first element that satisfies the condition. O(n).
    mutating func removeFirst(where condition: (Element) -> Bool) -> Element? {
        for index in head..<slots.count {
            guard let element = slots[index], condition(element) else { continue }
            slots.remove(at: index)
            return element
        }
        return nil
    }

    func contains(where condition: (Element) -> Bool) -> Bool {
        for index in head..<slots.count {
            if let element = slots[index], condition(element) { return true }
        }
        return false
    }
}
