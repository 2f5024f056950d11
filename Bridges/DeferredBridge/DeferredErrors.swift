// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// A Deferred was fired that had been fired before (Twisted: AlreadyCalledError).
public struct AlreadyCalled: Error, Sendable, CustomStringConvertible {
    /// Where the Deferred was made, as far as that is known.
    public let origin: String
    /// Where it was fired first. Known in debug builds, if it was fired by a call.
    public let first: SourceSite?
    /// Where it was fired again; nil if another Deferred has passed its result on.
    public let second: SourceSite?

    /// What happened, where it began, what to do.
    public var description: String {
        "AlreadyCalled: the Deferred made at \(origin) was fired again\(second.map { " at \($0)" } ?? "")"
            + "\(first.map { "; it had been fired at \($0)" } ?? ", and had a result already")."
            + " The first result stands. Fire a Deferred on one path only, and none that a canceller may have fired."
    }
}

/// The result of a Deferred has gone on to another one, and is not there any more.
///
/// Stages and observers that come behind the hand-over get this error; in Twisted they see None. It counts as handled: a
/// Deferred that is left with it reports nothing.
public struct DeferredResultMoved: Error, Sendable, CustomStringConvertible {
    /// What took the result.
    public enum Destination: Sendable, Hashable {
        /// A Deferred one of whose stages has returned this one.
        case returned
        /// The target of `chainDeferred`.
        case chained
        /// A Deferred that `then` has made.
        case then
    }

    /// What took the result.
    public let destination: Destination
    /// Where the Deferred was made, as far as that is known.
    public let origin: String

    /// What happened, where it began, what to do.
    public var description: String {
        let taker =
            switch destination {
            case .returned: "the Deferred that waited for it, because a stage returned it"
            case .chained: "the Deferred it was chained to"
            case .then: "the Deferred that `then` returned"
            }
        return
            "DeferredResultMoved: the result of the Deferred made at \(origin) has gone on to \(taker). Add further stages"
            + " to that one; to share a result, take a future() before it goes on."
    }
}

/// A Deferred was made to wait for itself, directly or around a ring (Promises/A+ 2.3.1).
public struct DeferredCycle: Error, Sendable, CustomStringConvertible {
    /// Where the Deferred was made, as far as that is known.
    public let origin: String

    /// What happened, where it began, what to do.
    public var description: String {
        "DeferredCycle: a stage of the Deferred made at \(origin) returned a Deferred that itself waits for that one. Return"
            + " the value, or a Deferred that something else fires."
    }
}

/// One of the inputs of `list` or `gatherResults` failed (Twisted: FirstError).
public struct FirstError: Error, Sendable, CustomStringConvertible {
    /// What the input failed with.
    public let error: any Error
    /// The input's place, from 0.
    public let index: Int

    /// What happened, where it began, what to do.
    public var description: String {
        "FirstError: the input at index \(index) failed: \(error.sentence) The others go on; to have every error, use `list` without"
            + " fireOnOneErrback."
    }
}

/// Every input of a race failed (Twisted: FailureGroup).
public struct FailureGroup: Error, Sendable, CustomStringConvertible {
    /// The failures, in the order of the inputs.
    public let errors: [any Error]

    /// What happened, where it began, what to do.
    public var description: String {
        "FailureGroup: none of the \(errors.count) inputs of the race succeeded:"
            + " \(errors.map(\.phrase).joined(separator: "; "))."
    }
}

/// A lock, semaphore or queue was made with a limit that has no meaning.
public struct InvalidLimit: Error, Sendable, CustomStringConvertible {
    /// Which limit of what.
    public let limit: String
    /// What was asked for.
    public let value: Int
    /// The least that has a meaning.
    public let minimum: Int

    /// What happened, where it began, what to do.
    public var description: String {
        "InvalidLimit: \(limit) is \(value), but has to be at least \(minimum). Pass a larger number, or no limit where that"
            + " is possible."
    }
}

/// A lock or semaphore was released more often than it was acquired.
public struct NotAcquired: Error, Sendable, CustomStringConvertible {
    /// What was released: a lock, or a semaphore of so many tokens.
    public let resource: String

    /// What happened, where it began, what to do.
    public var description: String {
        "NotAcquired: \(resource) was released, but nobody holds it. Release once for each acquire(), or use run { }, which"
            + " releases by itself."
    }
}

/// An element was put into a queue that is full.
public struct QueueOverflow: Error, Sendable, CustomStringConvertible {
    /// How many elements the queue holds at most.
    public let size: Int

    /// What happened, where it began, what to do.
    public var description: String {
        "QueueOverflow: put() into a DeferredQueue that holds its \(size) elements already. The element was not taken: put it"
            + " later, or make the queue larger."
    }
}

/// An element was asked for from a queue at which enough others wait already.
public struct QueueUnderflow: Error, Sendable, CustomStringConvertible {
    /// How many may wait at most.
    public let backlog: Int

    /// What happened, where it began, what to do.
    public var description: String {
        "QueueUnderflow: get() from an empty DeferredQueue at which \(backlog) others wait already, its backlog. Get later, or"
            + " make the backlog larger."
    }
}
