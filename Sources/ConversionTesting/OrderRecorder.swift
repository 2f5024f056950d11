// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// Writes down what happens, in the order in which it happens. Thread-safe.
public final class OrderRecorder: Sendable {
    private let list = Lock<[String]>([])

    /// Makes an empty record.
    public init() {}

    /// Writes one thing down.
    public func record(_ entry: String) { list.withLock { $0.append(entry) } }

    /// What was written down.
    public var entries: [String] { list.withLock { $0 } }

    /// How many things were written down.
    public var count: Int { list.withLock { $0.count } }
}
