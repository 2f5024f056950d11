// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// A lock that one holds at a time, in the order in which they ask (Twisted: DeferredLock).
///
/// Executor and cancellation are those of a ``DeferredSemaphore`` with one token.
public final class DeferredLock: Sendable {
    private let tokens = TokenLine(1, of: "a DeferredLock")

    /// Makes a lock that nobody holds.
    public init() {}

    /// Somebody holds it.
    public var isLocked: Bool { tokens.free == 0 }

    /// How many wait for it.
    public var waiters: Int { tokens.waiters }

    /// Takes the lock, when it is free; ``release()`` gives it back.
    ///
    /// - Cancellation: Leaves the line.
    /// - Errors: None of its own.
    public func acquire(fileID: StaticString = #fileID, line: UInt = #line) -> Deferred<Void> {
        tokens.acquire(fileID, line)
    }

    /// Gives the lock to the first who waits, or leaves it free.
    ///
    /// - Errors: ``NotAcquired`` if nobody holds it.
    public func release() throws { try tokens.release() }

    /// Runs the body with the lock, which is released when it has returned or thrown.
    ///
    /// - Cancellation: While it waits for the lock, the body never runs.
    /// - Errors: The body's.
    public func run<Value: Sendable>(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: @escaping @Sendable () throws -> Value
    ) -> Deferred<Value> {
        tokens.run(fileID, line, body)
    }

    /// Runs the body with the lock, which is released when the Deferred that it returns has its result.
    ///
    /// - Cancellation: While it waits for the lock, the body never runs; later it cancels the body's Deferred.
    /// - Errors: The body's, and those of the Deferred that it returns.
    public func run<Value: Sendable>(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: @escaping @Sendable () throws -> Deferred<Value>
    ) -> Deferred<Value> {
        tokens.run(fileID, line, body)
    }
}
