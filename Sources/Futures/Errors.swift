// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// The producer was dropped before it completed its future: the callback was thrown away, never to be called.
public struct BrokenPromise: Error, Sendable, CustomStringConvertible {
    /// Where the promise was made.
    public let origin: String

    /// Makes the error; for bridges whose foreign callback was dropped.
    public init(origin: String) { self.origin = origin }

    /// What happened, where it began, what to do.
    public var description: String {
        "BrokenPromise: the promise made at \(origin) was released without being completed, so its future can never have a"
            + " value. Complete it on every path of the code that owns it, also on errors."
    }
}

/// The loop that was to complete the operation was stopped, or had been closed.
public struct LoopClosed: Error, Sendable, CustomStringConvertible {
    /// The loop's name.
    public let loop: String
    /// What was asked of the loop.
    public let operation: String
    private let cause: String

    /// Makes the error.
    public init(loop: String, operation: String) {
        self.init(
            loop: loop,
            operation: operation,
            because:
                "which has been stopped. Start the operation while the loop runs, or stop the loop after the operation has"
                + " ended"
        )
    }

    /// The same for a loop that has not been stopped.
    package init(loop: String, operation: String, because cause: String) {
        self.loop = loop
        self.operation = operation
        self.cause = cause
    }

    /// What happened, where it began, what to do.
    public var description: String { "LoopClosed: \(operation) on loop \"\(loop)\", \(cause)." }
}

/// A wait was refused because it could never end, or would stop the thread that has to end it.
public struct WouldDeadlock: Error, Sendable, CustomStringConvertible {
    /// Where the wait was tried.
    public enum Place: Sendable, Hashable {
        /// In an observer that was called inline, of the future described.
        case observer(of: String)
        /// On the thread of the loop with this name, outside of a greenlet.
        case loop(String)
        /// In a Swift task, outside of a portal.
        case task
        /// In a greenlet, but under a job or fiber that is not the greenlet's own.
        case foreignTask
        /// In another place, described.
        case other(String)
    }

    /// Where the wait was tried.
    public let place: Place

    /// Makes the error.
    public init(_ place: Place) { self.place = place }

    /// What happened, where it began, what to do.
    public var description: String {
        switch place {
        case .observer(let source):
            "WouldDeadlock: wait() inside an observer of \(source). Observers run one after the other and must return; do the"
                + " rest in flatMap, in an async function, or in Greenlet.spawn { … }."
        case .loop(let name):
            "WouldDeadlock: wait() on the thread of loop \"\(name)\", which would stop the loop that has to go on. Wait in"
                + " Greenlet.spawn { … }, or drive the loop from its owner with loop.run(until:)."
        case .task:
            "WouldDeadlock: wait() inside a Swift task, which would block a thread of the concurrency pool. Use `try await"
                + " x.value`, or enter the blocking code with `try await Greenlet.run { … }`. (Synchronous test functions and"
                + " helpers below an async main run in a task, too.)"
        case .foreignTask:
            "WouldDeadlock: wait() in a greenlet, but inside another task's job or a raw fiber that runs on top of it, so"
                + " parking would suspend somebody else's work. Wait in the greenlet's own body, or use Greenlet.run there."
        case .other(let text):
            "WouldDeadlock: wait() \(text)."
        }
    }
}

/// A deadline came before the outcome.
public struct TimedOut: Error, Sendable, CustomStringConvertible {
    /// How long was waited.
    public let limit: Duration
    /// What was waited for.
    public let operation: String
    /// Whether the operation was cancelled then, unless others observe it.
    public let cancelling: Bool

    /// Makes the error.
    public init(after limit: Duration, waitingFor operation: String, cancelling: Bool = false) {
        self.limit = limit
        self.operation = operation
        self.cancelling = cancelling
    }

    /// What happened, where it began, what to do.
    public var description: String {
        "TimedOut: \(operation) did not complete within \(limit)."
            + (cancelling
                ? " It was cancelled, unless others observe it. To try again, start it again, with more time."
                : " It goes on; a later wait may still succeed.")
    }
}

/// A combinator that needs at least one input got none.
public struct EmptyInput: Error, Sendable, CustomStringConvertible {
    /// The combinator, with its type: `Future.race`.
    public let combinator: String

    /// Makes the error.
    public init(_ combinator: String) { self.combinator = combinator }

    /// What happened, where it began, what to do.
    public var description: String {
        "EmptyInput: \(combinator) of no inputs would never complete. Check that the list is not empty first."
    }
}

/// A future was made to wait for itself.
public struct PromiseCycle: Error, Sendable, CustomStringConvertible {
    /// Where the future was made.
    public let origin: String

    /// Makes the error.
    public init(origin: String) { self.origin = origin }

    /// What happened, where it began, what to do.
    public var description: String {
        "PromiseCycle: the future made at \(origin) was told to follow a future that itself waits for it. Return another"
            + " future from flatMap, or complete the promise with a value."
    }
}

/// A value did not satisfy the predicate given to `validate`.
public struct ValidationFailed: Error, Sendable, CustomStringConvertible {
    /// The value, printed.
    public let value: String
    /// Where `validate` was called.
    public let site: SourceSite

    /// What happened, where it began, what to do.
    public var description: String {
        "ValidationFailed: the value \(value) did not satisfy the predicate of validate at \(site)."
    }
}

/// All inputs of `Future.any` failed.
public struct AllFailed: Error, Sendable, CustomStringConvertible {
    /// The failures, in the order of the inputs.
    public let errors: [any Error]

    /// What happened, where it began, what to do.
    public var description: String {
        "AllFailed: none of \(errors.count) inputs succeeded: \(errors.map(\.phrase).joined(separator: "; "))."
    }
}
