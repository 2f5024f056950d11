// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// A bounded number of threads for code that blocks, with a bounded queue before them.
///
/// Threads start when there is work for them. They stay until ``shutdown(cancellingQueued:)``, until the pool is made smaller
/// (``resize(to:)``), or until they have had nothing to do for the idle limit. Signals are blocked in them.
///
/// In a forked child a pool is usable as it is: it starts threads of its own, and the jobs it was given before the fork are
/// the parent's.
public final class WorkerPool: Sendable {
    private static let sharedPool = ProcessLock<WorkerPool>(
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
    public var size: Int { core.size }
    /// How many jobs may wait for a thread.
    public let capacity: Int
    let core: PoolCore

    /// Makes a pool.
    ///
    /// - Parameters:
    ///   - size: How many jobs run at once, at least 1.
    ///   - capacity: How many jobs may wait; one more is refused with ``PoolSaturated``.
    ///   - idleLimit: How long a thread may have nothing to do before it ends; nil is for ever.
    public init(name: String = "pool", size: Int, capacity: Int = 10_000, idleLimit: Duration? = nil) {
        precondition(size >= 1 && capacity >= 0, "switchyard: a worker pool needs a thread")
        self.name = name
        self.capacity = capacity
        core = PoolCore(name: name, size: size, capacity: capacity, idleLimit: idleLimit)
    }

    /// Changes how many jobs run at once (gevent: ThreadPool.maxsize).
    ///
    /// A larger pool starts threads for what is queued, at once. In a smaller one threads that have nothing to do end, the
    /// others after their job, but for the last that does not wait for a job of this pool.
    ///
    /// - Executor: From any thread; returns without waiting.
    /// - Parameter size: At least 1.
    public func resize(to size: Int) {
        precondition(size >= 1, "switchyard: a worker pool needs a thread")
        core.resize(to: size)
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

    /// How many threads the pool has now.
    public var threads: Int { core.threads }

    /// Whether the calling thread is one of the pool's.
    public var isCurrent: Bool { core.isCurrent }

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
