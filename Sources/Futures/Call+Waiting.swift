// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

// The verbs that wait, without a future where the operation can do without.

extension Call {
    /// Starts the operation and blocks until the outcome is there; like the verb of every awaitable in all else.
    @available(*, noasync, message: "use `try await x.value`, or Greenlet.run")
    @inlinable
    @inline(__always)
    @discardableResult
    public func wait(timeout: Duration? = nil) throws -> Success {
        try begin(.waiting(timeout: timeout)).wait(timeout: timeout)
    }

    /// Starts the operation and awaits the outcome; like the verb of every awaitable in all else.
    @inlinable
    public var value: Success {
        get async throws {
            try await begin(.running).value
        }
    }
}

/// In which way a run of a prepared operation starts.
@usableFromInline
@frozen
package enum _Start: Sendable {
    /// It waits for nothing, and comes to a future instead.
    case running
    /// For who waits now. The operation may wait itself, and comes to a value then.
    case waiting(timeout: Duration?)

    /// Throws where the wait could never end: the operation must not be started there.
    @inlinable
    @inline(__always)
    func check() throws {
        if case .waiting = self { try WaitContext.refuseIfNeeded() }
    }
}

/// What a run of a prepared operation has come to when it was started.
@usableFromInline
@frozen
package enum _Run<Success: Sendable>: Sendable {
    case value(Success)
    case future(Future<Success>)

    /// The outcome, waited for where that is allowed.
    @inlinable
    @inline(__always)
    package func wait(timeout: Duration?) throws -> Success {
        switch self {
        case .value(let value): return value
        case .future(let future): return try future._waitForRun(timeout: timeout)
        }
    }

    /// The outcome, awaited.
    @inlinable package var value: Success {
        get async throws {
            switch self {
            case .value(let value): return value
            case .future(let future): return try await future.value
            }
        }
    }
}
