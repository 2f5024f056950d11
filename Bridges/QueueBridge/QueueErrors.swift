// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// The queue or channel was closed: there is nothing more to come, or nobody who would take it.
public struct QueueClosed: Error, Sendable, CustomStringConvertible {
    /// Which queue or channel.
    public let name: String
    /// What was asked of it.
    public let operation: String
    /// Nobody closed it: its last owner let it go while this operation waited.
    public let wasReleased: Bool

    @usableFromInline
    init(_ name: String, _ operation: String, wasReleased: Bool = false) {
        self.name = name
        self.operation = operation
        self.wasReleased = wasReleased
    }

    /// What happened, where it began, what to do.
    public var description: String {
        wasReleased
            ? "QueueClosed: \(operation) on \(name), which was released while the operation waited, so that nobody could have"
                + " ended the wait. Keep it as long as somebody uses it."
            : "QueueClosed: \(operation) on \(name), which has been closed. Close it after its last producer has ended, and"
                + " take this error as the end of the work."
    }
}

/// A number that makes no sense: a capacity or a count below what is possible.
public struct InvalidCount: Error, Sendable, CustomStringConvertible {
    /// Of what.
    public let what: String
    /// The number.
    public let count: Int
    /// The smallest that is possible.
    public let minimum: Int

    init(_ what: String, _ count: Int, minimum: Int) {
        self.what = what
        self.count = count
        self.minimum = minimum
    }

    /// What happened, what to do.
    public var description: String { "InvalidCount: \(what) of \(count). It must be at least \(minimum)." }
}

/// Something was given back that nobody had taken: more tasks done than there were, a permit too many, a foreign lock.
public struct ReleasedTooOften: Error, Sendable, CustomStringConvertible {
    /// What was released.
    public let what: String

    init(_ what: String) { self.what = what }

    /// What happened, what to do.
    public var description: String {
        "ReleasedTooOften: \(what). Release once for each time it was taken, and in the place that took it."
    }
}
