// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// A lock whose owner may take it again: the greenlet, the task or, elsewhere, the thread (gevent: RLock).
///
/// Held by scope only, so that whoever took it gives it back. Like ``Lock`` it may be held across waits, and serves those who
/// wait in the order they came.
///
/// - Executor: A waiter completes where the last scope of the owner ends.
/// - Cancellation: Takes the waiter out of the line; the lock is not lost.
public final class ReentrantLock: Sendable {
    private struct Ownership {
        var owner: ExecutionIdentity?
        var depth = 0
    }

    private let permit: Permits
    // Only the owner writes its own identity here, so whoever finds his own may rely on it.
    private let ownership = Futures.Lock(Ownership())

    /// Makes a lock that nobody holds.
    public init(_ name: String? = nil) {
        permit = Permits(name: name.map { "lock \"\($0)\"" } ?? "a reentrant lock", permits: 1, limit: 1)
    }

    deinit { permit.close() }

    /// Somebody holds it.
    public var isLocked: Bool { permit.available == 0 }

    /// How often the caller holds it.
    public var depth: Int {
        let caller = ExecutionIdentity.current
        return ownership.withLock { $0.owner == caller ? $0.depth : 0 }
    }

    /// Blocks for the lock, unless the caller holds it, and runs the body: for greenlets and threads.
    @available(*, noasync, message: "use the async form: try await lock.withLock { … }")
    public func withLock<Result>(timeout: Duration? = nil, _ body: () throws -> Result) throws -> Result {
        let caller = ExecutionIdentity.current
        if !enterAgain(caller) {
            try permit.acquire(waiting: timeout)
            own(caller)
        }
        defer { leave() }
        return try body()
    }

    /// Waits for the lock, unless the task holds it, and runs the body.
    public func withLock<Result>(_ body: () async throws -> Result) async throws -> Result {
        let caller = ExecutionIdentity.current
        if !enterAgain(caller) {
            try await permit.acquire().value
            own(caller)
        }
        defer { leave() }
        return try await body()
    }

    private func enterAgain(_ caller: ExecutionIdentity) -> Bool {
        ownership.withLock { ownership in
            guard ownership.owner == caller else { return false }
            ownership.depth += 1
            return true
        }
    }

    private func own(_ caller: ExecutionIdentity) {
        ownership.withLock { $0 = Ownership(owner: caller, depth: 1) }
    }

    private func leave() {
        let isLast = ownership.withLock { ownership in
            ownership.depth -= 1
            if ownership.depth == 0 { ownership.owner = nil }
            return ownership.depth == 0
        }
        if isLast { permit.giveBack() }
    }
}
