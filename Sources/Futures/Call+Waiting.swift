// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

// The verbs that wait, without a future where the operation can do without.

extension Call {
    /// Starts the operation and blocks until the outcome is there; like the verb of every awaitable in all else.
    @available(*, noasync, message: "use `try await x.value`, or Greenlet.run")
    @inlinable
    @discardableResult
    public func wait(timeout: Duration? = nil) throws -> Success {
        var greenlet: _DirectWait?
        if let parker = unsafe WaitContext.runningParker {
            greenlet = unsafe _DirectWait(parker, timeout: timeout)
        } else {
            try WaitContext.refuseIfNeeded()
        }
        switch try begin(greenlet) {
        case .value(let value): return value
        case .future(let run): return try run._waitForRun(timeout: timeout)
        }
    }

    /// Starts the operation and awaits the outcome; like the verb of every awaitable in all else.
    @inlinable
    public var value: Success {
        get async throws {
            switch try begin(nil) {
            case .value(let value): return value
            case .future(let run): return try await run.value
            }
        }
    }
}
