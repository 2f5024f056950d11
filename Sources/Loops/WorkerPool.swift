// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// A fixed number of threads for code that blocks, with a bounded queue before them.
///
/// Threads start when there is work for them and stay until ``shutdown(cancellingQueued:)``. Signals are blocked in them.
public final class WorkerPool: Sendable {
    private static let sharedPool = Lock<WorkerPool>(
        WorkerPool(name: "shared", size: 8, capacity: 10_000)
    )

    /// The pool that is used where none is named. Can be replaced; the old one stays with those who have it, and is not
    /// shut down.
    public static var shared: WorkerPool {
        get { sharedPool.withLock { $0 } }
        set { sharedPool.withLock { $0 = newValue } }
    }

    /// The name, for diagnostics and for the threads.
    public let name: String
    /// How many jobs run at once.
    public let size: Int
    /// How many jobs may wait for a thread.
    public let capacity: Int
    let core: PoolCore

    /// Makes a pool.
    ///
    /// - Parameters:
    ///   - size: How many jobs run at once, at least 1.
    ///   - capacity: How many jobs may wait; one more is refused with ``PoolSaturated``.
    public init(name: String = "pool", size: Int, capacity: Int = 10_000) {
        precondition(size >= 1 && capacity >= 0, "switchyard: a worker pool needs a thread")
        self.name = name
        self.size = size
        self.capacity = capacity
        core = PoolCore(name: name, size: size, capacity: capacity)
    }

    /// Runs the blocking closure on a thread of the pool.
    ///
    /// - Executor: The closure runs on a plain thread, and the future completes there; see `Loop.runInExecutor` for a
    ///   result that comes back on a loop. Task-local values are not carried over.
    /// - Cancellation: A queued job is removed. A running one cannot be stopped: it is too late.
    /// - Errors: What the closure throws; ``PoolClosed``; ``PoolSaturated``; ``ThreadUnavailable`` if not one thread could be
    ///   started. Waiting for the result on a thread of the pool throws `WouldDeadlock` when no thread would be left to run
    ///   the job: all of them, or the only one, would wait for jobs of this pool.
    public func submit<Success: Sendable>(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: @escaping @Sendable () throws -> Success
    ) -> Future<Success> {
        let promise = Promise<Success>("a job of worker pool \(name)", fileID: fileID, line: line)
        let job = PoolJob(
            run: { promise.tryComplete(Result { try body() }) },
            reject: { promise.tryComplete(.failure($0)) }
        )
        promise.onCancel(answering: { [core] in core.cancel(job) })
        promise._askBeforeBlocking { [core] in core.blocking(on: job) }
        core.add(job)
        return promise.future
    }

    /// Takes no more jobs, and lets the threads end after the queued ones.
    ///
    /// - Parameter cancellingQueued: Fails the queued jobs with ``PoolClosed`` instead of running them.
    /// - Returns: Completes when the last thread has ended; nobody is made to wait for it (asgiref #535).
    @discardableResult
    public func shutdown(cancellingQueued: Bool = false) -> Future<Void> {
        core.shutdown(cancellingQueued: cancellingQueued)
        return core.ending.future
    }

    /// How many jobs wait for a thread.
    public var queued: Int { core.queued }

    deinit { core.shutdown(cancellingQueued: false) }
}

extension Loop {
    /// Runs the blocking closure on a thread of the pool, and brings its result back to this loop (Tornado, asyncio:
    /// run_in_executor).
    ///
    /// - Executor: The closure runs on a plain thread, the future completes on this loop. Task-local values are not
    ///   carried over.
    /// - Cancellation: A queued job is removed. A running one cannot be stopped: it is too late.
    /// - Errors: What the closure throws; ``PoolClosed``; ``PoolSaturated``; `LoopClosed` if the loop stops first.
    public func runInExecutor<Success: Sendable>(
        _ pool: WorkerPool? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: @escaping @Sendable () throws -> Success
    ) -> Future<Success> {
        let pool = pool ?? .shared
        let promise = LoopPromise<Success>("a job of worker pool \(pool.name)", on: self, fileID: fileID, line: line)
        let finish: @Sendable (Result<Success, any Error>) -> Void = { [self] outcome in
            post { promise.complete(outcome) }
        }
        let job = PoolJob(run: { finish(Result { try body() }) }, reject: { finish(.failure($0)) })
        promise.onCancel { [core = pool.core] in core.cancel(job) }
        promise.askBeforeBlocking { [core = pool.core] in core.blocking(on: job) }
        pool.core.add(job)
        return promise.future
    }
}
