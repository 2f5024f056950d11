// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

// The verbs that wait, for operations that can do without a future.

extension Call {
    /// Starts the operation and blocks until the outcome is there; like the verb of every awaitable in all else.
    @available(*, noasync, message: "use `try await x.value`, or Greenlet.run")
    @inlinable
    @discardableResult
    public func wait(timeout: Duration? = nil) throws -> Success {
        if let direct {
            if let parker = _BorrowedParker.running {
                if timeout == nil, let value = try direct(parker) { return value }
            } else {
                switch WaitContext.current {
                case .refused(let error): throw error
                case .thread: if let value = try direct(nil) { return value }
                case .greenlet: break
                }
            }
        }
        return try _waitForRun(timeout: timeout)
    }

    /// Starts the operation and awaits the outcome; like the verb of every awaitable in all else.
    @inlinable
    public var value: Success {
        get async throws {
            if let direct, let value = try direct(nil) { return value }
            return try await start().value
        }
    }
}
