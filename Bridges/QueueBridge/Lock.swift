// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// Mutual exclusion across waits, for tasks, greenlets, threads and callbacks; served in the order they came.
///
///     try await lock.withLock { try await update() }     // async code
///     try lock.withLock { try update().wait() }          // a greenlet or a plain thread
///
/// Unlike a mutex of the standard library it may be held across a wait, and waiting for it blocks no loop. It has no owner:
/// who releases it need not be who acquired it, and acquiring it twice waits for ever; see ``ReentrantLock``.
///
/// - Executor: A waiter completes where the lock is released.
/// - Cancellation: Takes the waiter out of the line; the lock is not lost.
public final class Lock: Sendable {
    private let core: Permits

    /// Makes a lock that nobody holds.
    public init(_ name: String? = nil) {
        core = Permits(name: name.map { "lock \"\($0)\"" } ?? "a lock", permits: 1, limit: 1)
    }

    deinit { core.close() }

    /// Takes the lock; waits while somebody holds it.
    public func acquire() -> Call<Void> { Call(begin: { try self.core.acquire($0) }) }

    /// Takes the lock if nobody holds it.
    public func tryAcquire() -> Bool { core.tryAcquire() }

    /// Gives the lock to whoever waits longest, or back.
    ///
    /// - Errors: ``ReleasedTooOften`` if nobody holds it.
    public func release() throws { try core.release() }

    /// Somebody holds it.
    public var isLocked: Bool { core.available == 0 }

    /// Blocks for the lock, runs the body and releases, also when the body throws: for greenlets and threads.
    @available(*, noasync, message: "use the async form: try await lock.withLock { … }")
    public func withLock<Result>(timeout: Duration? = nil, _ body: () throws -> Result) throws -> Result {
        try core.acquire(waiting: timeout)
        defer { core.giveBack() }
        return try body()
    }

    /// Waits for the lock, runs the body and releases, also when the body throws.
    public func withLock<Result>(_ body: () async throws -> Result) async throws -> Result {
        try await core.acquire().value
        defer { core.giveBack() }
        return try await body()
    }
}
