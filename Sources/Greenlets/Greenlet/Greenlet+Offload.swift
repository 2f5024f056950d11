// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
public import Loops

extension Greenlet where Success == Void {
    /// Runs blocking code on a thread of a pool and waits for its result; the other greenlets run meanwhile (eventlet:
    /// tpool.execute).
    ///
    ///     let names = try Greenlet.offload { try FileManager.default.contentsOfDirectory(atPath: path) }
    ///
    /// - Executor: The closure runs on a plain thread: on one of the pool's, or at once, here, if the calling thread is one of
    ///   them. Returns on the calling greenlet, or thread, which blocks. Task-local values are not carried over.
    /// - Cancellation: A kill, or the cancellation of the task that hosts the greenlet, ends the wait. A closure that has begun
    ///   goes on, and what it comes to is dropped; one that still waits for a thread never begins.
    /// - Parameter pool: Where it runs; nil is `WorkerPool.shared`.
    /// - Errors: What the closure throws; ``/Loops/PoolClosed``; ``/Loops/PoolSaturated``; ``/Loops/ThreadUnavailable``;
    ///   ``/Futures/WouldDeadlock`` where waiting is refused, and then the closure never begins.
    @available(*, noasync, message: "use `try await pool.submit { … }.value`")
    public static func offload<R: Sendable>(
        to pool: WorkerPool? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: @escaping @Sendable () throws -> R
    ) throws -> R {
        let pool = pool ?? .shared
        if pool.isCurrent { return try body() }
        if case .refused(let error) = WaitContext.current { throw error }
        // Whoever was killed before the wait leaves the job, too.
        return try pool.submit(fileID: fileID, line: line, body)._waitForRun(timeout: nil)
    }
}
