// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// A pool of dependent tasks was asked for something it cannot do.
public struct DependencyError: Error, Sendable, CustomStringConvertible {
    /// Why not.
    public enum Reason: Sendable, Hashable {
        /// There is a task with the key, or a value (eventlet: Collision).
        case duplicateKey
        /// There is neither.
        case unknownKey
        /// The task would wait for itself.
        case cycle
        /// The pool takes no more tasks.
        case closed
    }

    /// Why not.
    public let reason: Reason
    /// The keys it is about; of a cycle each one, which needs the next, and the last one the first.
    public let keys: [String]

    init(_ reason: Reason, _ keys: [String]) {
        self.reason = reason
        self.keys = keys
    }

    /// What happened, where it began, what to do.
    public var description: String {
        let key = keys.first ?? ""
        return switch reason {
        case .duplicateKey:
            "DependencyError: there is a task with the key \(key), or a value. Use another key; a value that is there may be"
                + " replaced by post(_:_:replacing: true)."
        case .unknownKey:
            "DependencyError: nobody has spawned a task with the key \(key), or posted its value. Do that before, or before the pool"
                + " is closed."
        case .cycle:
            "DependencyError: this task would close a circle in which each needs the next one's value: "
                + (keys + [key]).joined(separator: " → ") + ". Drop one of these dependencies."
        case .closed:
            "DependencyError: the pool was closed, and takes no task with the key \(key). Close it after the last one."
        }
    }
}

/// A value in a pool of dependent tasks is not there, because its task has failed, or one that this needed (eventlet:
/// PropagateError).
public struct DependencyFailed: Error, Sendable, CustomStringConvertible {
    /// The key of the value.
    public let key: any Hashable & Sendable
    /// What its task has thrown. If that needed another value that has failed, this names that one in turn.
    public let cause: any Error

    init(_ key: any Hashable & Sendable, _ cause: any Error) {
        self.key = key
        self.cause = cause
    }

    /// What the first task that failed has thrown.
    public var root: any Error { (cause as? DependencyFailed)?.root ?? cause }

    /// What happened, where it began, what to do.
    public var description: String {
        "DependencyFailed: there is no value for the key \(key): \(cause.phrase). Catch this where the value can be done"
            + " without."
    }
}
