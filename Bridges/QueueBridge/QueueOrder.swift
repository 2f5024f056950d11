// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// In which order a queue gives its elements.
public struct QueueOrder<Element: Sendable>: Sendable {
    @usableFromInline
    enum Kind: Sendable {
        case fifo, lifo
        case priority(@Sendable (Element, Element) -> Bool)
    }

    @usableFromInline let kind: Kind

    /// First in, first out.
    public static var fifo: QueueOrder { QueueOrder(kind: .fifo) }

    /// Last in, first out.
    public static var lifo: QueueOrder { QueueOrder(kind: .lifo) }

    /// The most urgent first; equally urgent ones as they came.
    ///
    /// - Parameter isMoreUrgent: Whether the first element has to come out before the second one: a strict weak ordering,
    ///   like that of `sorted(by:)`, pure and quick. It is called several times for each put and get, with the queue's lock
    ///   held. So it must not use the queue, not even to look at its `count`, which would stop the process or hang; nor take a
    ///   lock that somebody holds while using the queue; nor wait for anything.
    public static func priority(_ isMoreUrgent: @escaping @Sendable (Element, Element) -> Bool) -> QueueOrder {
        QueueOrder(kind: .priority(isMoreUrgent))
    }
}

extension QueueOrder where Element: Comparable {
    /// The smallest first; equal ones as they came.
    public static var priority: QueueOrder { .priority { $0 < $1 } }
}
