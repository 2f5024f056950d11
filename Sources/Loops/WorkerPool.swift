// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
public import Futures

/// A fixed number of threads for code that blocks, with a bounded queue before them.
///
/// Threads start when there is work for them and stay until shutdown(cancellingQueued:). Signals are blocked in them.
public final class WorkerPool: Sendable {
    private struct State {
        var queue: [PoolJob] = []
        var idle: [Worker] = []
        var workers: [Worker] = []
        var isShutDown = false
    }

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
    private let state = Lock(State())
    private let ending: Promise<Void>

    /// Makes a pool.
    ///
    /// - Parameters:
    ///   - size: How many jobs run at once, at least 1.
    ///   - capacity: How many jobs may wait; one more is refused with PoolSaturated.
    public init(name: String = "pool", size: Int, capacity: Int = 10_000) {
        precondition(size >= 1 && capacity >= 0, "switchyard: a worker pool needs a thread")
        self.name = name
        self.size = size
        self.capacity = capacity
        ending = Promise("the end of worker pool \(name)")
    }

    /// Runs the blocking closure on a thread of the pool.
    ///
    /// - Executor: The closure runs on a plain thread, and the future completes there; see `Loop.runInExecutor` for a
    ///   result that comes back on a loop. Task-local values are not carried over.
    /// - Cancellation: A queued job is removed. A running one cannot be stopped: it is too late.
    /// - Errors: What the closure throws; PoolClosed; PoolSaturated. Waiting for the result on the only thread of
    ///   the pool, while the job is queued behind the one that waits, throws `WouldDeadlock`.
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
        promise.onCancel(answering: { [weak self] in self?.cancel(job) ?? .tooLate })
        promise._refuseBlocking { [weak self] in self?.refusal(of: job) }
        add(job)
        return promise.future
    }

    /// Takes no more jobs, and lets the threads end after the queued ones.
    ///
    /// - Parameter cancellingQueued: Fails the queued jobs with PoolClosed instead of running them.
    /// - Returns: Completes when the last thread has ended; nobody is made to wait for it (asgiref #535).
    @discardableResult
    public func shutdown(cancellingQueued: Bool = false) -> Future<Void> {
        let (dropped, idle, isOver) = state.withLock { state in
            state.isShutDown = true
            let dropped = cancellingQueued ? state.queue : []
            if cancellingQueued { state.queue = [] }
            defer { state.idle = [] }
            return (dropped, state.idle, state.workers.isEmpty)
        }
        for job in dropped { job.reject(PoolClosed(pool: name)) }
        for worker in idle { worker.parker.wake() }
        if isOver { ending.tryComplete(.success(())) }
        return ending.future
    }

    /// How many jobs wait for a thread.
    public var queued: Int { state.withLock { $0.queue.count } }

    // MARK: Jobs

    func add(_ job: PoolJob) {
        enum Step { case wake(Worker), start(Worker), queued, reject(any Error) }
        let step: Step = state.withLock { state in
            if state.isShutDown { return .reject(PoolClosed(pool: name)) }
            if let worker = state.idle.popLast() {
                worker.job.withLock { $0 = job }
                return .wake(worker)
            }
            if state.workers.count < size {
                let worker = Worker(job)
                state.workers.append(worker)
                return .start(worker)
            }
            if state.queue.count < capacity {
                state.queue.append(job)
                return .queued
            }
            return .reject(PoolSaturated(pool: name, capacity: capacity))
        }
        switch step {
        case .wake(let worker): worker.parker.wake()
        case .start(let worker): PlainThread.start("sy-\(name)") { [self] in run(worker) }
        case .queued: break
        case .reject(let error): job.reject(error)
        }
    }

    func cancel(_ job: PoolJob) -> CancellationAnswer {
        guard job.cancel() else { return .tooLate }
        state.withLock { state in state.queue.removeAll { $0 === job } }
        return .stopped
    }

    /// The answer to a thread that is about to block until the job has run.
    func refusal(of job: PoolJob) -> WouldDeadlock? {
        let thread = Worker.currentThread
        let wouldHang = state.withLock { state in
            size == 1 && state.queue.contains { $0 === job } && state.workers.contains { $0.thread == thread }
        }
        return wouldHang
            ? WouldDeadlock(
                .other(
                    "on the only thread of worker pool \"\(name)\", for a job that is queued behind the one that waits. Give"
                        + " the pool more threads, or return the future and let the caller wait"
                )
            )
            : nil
    }

    private func run(_ worker: Worker) {
        worker.begin()
        while true {
            if let job = worker.job.withLock({ $0.take() }) { job.start() }
            enum Step { case run(PoolJob), sleep, end(isLast: Bool) }
            let step: Step = state.withLock { state in
                if !state.queue.isEmpty { return .run(state.queue.removeFirst()) }
                if !state.isShutDown {
                    state.idle.append(worker)
                    return .sleep
                }
                state.workers.removeAll { $0 === worker }
                return .end(isLast: state.workers.isEmpty)
            }
            switch step {
            case .run(let job): job.start()
            case .sleep: _ = worker.parker.wait()
            case .end(let isLast):
                if isLast { ending.tryComplete(.success(())) }
                return
            }
        }
    }
}

extension Loop {
    /// Runs the blocking closure on a thread of the pool, and brings its result back to this loop (Tornado, asyncio:
    /// run_in_executor).
    ///
    /// - Executor: The closure runs on a plain thread, the future completes on this loop. Task-local values are not
    ///   carried over.
    /// - Cancellation: A queued job is removed. A running one cannot be stopped: it is too late.
    /// - Errors: What the closure throws; PoolClosed; PoolSaturated; `LoopClosed` if the loop stops first.
    public func runInExecutor<Success: Sendable>(
        _ pool: WorkerPool? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: @escaping @Sendable () throws -> Success
    ) -> Future<Success> {
        let pool = pool ?? .shared
        let promise = LoopPromise<Success>("a job of worker pool \(pool.name)", on: self, fileID: fileID, line: line)
        let finish: @Sendable (Result<Success, any Error>) -> Void = { [weak self] outcome in
            self?.post { promise.complete(outcome) }
        }
        let job = PoolJob(run: { finish(Result { try body() }) }, reject: { finish(.failure($0)) })
        promise.onCancel { [weak pool] in pool?.cancel(job) ?? .tooLate }
        promise.refuseBlocking { [weak pool] in pool?.refusal(of: job) }
        pool.add(job)
        return promise.future
    }
}
