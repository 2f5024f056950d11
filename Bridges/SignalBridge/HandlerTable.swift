// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// Topics and who listens to them, in the order they came. Its owner has the lock.
struct HandlerTable<Topic: Hashable & Sendable, Element: Sendable> {
    typealias Handler = _Subscriber<Element>

    private var lines: [Topic: [Handler]] = [:]

    /// The topics that somebody listens to.
    var topics: some Collection<Topic> { lines.keys }

    func handlers(of topic: Topic) -> [Handler] { lines[topic] ?? [] }

    mutating func insert(_ handler: Handler, to topic: Topic) { lines[topic, default: []].append(handler) }

    /// Takes a handler out of a topic; false if it was not there.
    mutating func leave(_ handler: Handler, _ topic: Topic) -> Bool {
        guard let index = lines[topic]?.firstIndex(where: { $0 === handler }) else { return false }
        lines[topic]?.remove(at: index)
        if lines[topic]?.isEmpty == true { lines[topic] = nil }
        return true
    }

    /// The same; whether it was the topic's last.
    mutating func remove(_ handler: Handler, from topic: Topic) -> Bool {
        leave(handler, topic) && lines[topic] == nil
    }

    func contains(_ handler: Handler) -> Bool { lines.values.contains { line in line.contains { $0 === handler } } }

    /// Each handler once, however many topics it listens to.
    var all: [Handler] {
        var seen: Set<ObjectIdentifier> = []
        return lines.values.joined().filter { seen.insert(ObjectIdentifier($0)).inserted }
    }

    mutating func removeAll() -> [Handler] {
        defer { lines = [:] }
        return all
    }

    mutating func removeAll(of topic: Topic) -> [Handler] { lines.removeValue(forKey: topic) ?? [] }
}
