// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// What the threads of a worker pool share, and keep alive; the pool itself can be released meanwhile.
final class PoolCore: Sendable {
    struct State {
        var size: Int
        var queue: [PoolJob] = []
        /// Who sleeps; the longest first.
        var idle: [Worker] = []
        var workers: [Worker] = []
        var isShutDown = false
        /// The jobs of this pool that its own workers block for.
        var awaited: [ObjectIdentifier: PoolJob] = [:]

        /// Nobody is left who could finish a job: each worker blocks until another one of this pool has run.
        var isStuck: Bool {
            awaited.count == workers.count && awaited.values.allSatisfy { !$0.isFinished }
        }

        /// One that is between two jobs is not needed: there are more than wished for, and not all others block.
        var hasTooMany: Bool { workers.count > size && workers.count - 1 > awaited.count }

        mutating func remove(_ worker: Worker) { workers.removeAll { $0 === worker } }
    }

    let name: String
    private let capacity: Int
    private let idleLimit: Duration?
    let state: Lock<State>
    let ending: Promise<Void>

    init(name: String, size: Int, capacity: Int, idleLimit: Duration?) {
        self.name = name
        self.capacity = capacity
        self.idleLimit = idleLimit
        state = Lock(State(size: size))
        ending = Promise("the end of worker pool \(name)")
        // Jobs remember the number they were made under.
        _ = Fork.generation
        ForkGuard.add(self)
    }

    deinit { ForkGuard.remove(self) }

    var size: Int { state.withLock { $0.size } }
    var queued: Int { state.withLock { $0.queue.count } }
    var threads: Int { state.withLock { $0.workers.count } }

    /// Whether the calling thread is one of the pool's.
    var isCurrent: Bool {
        let thread = Worker.currentThread
        return state.withLock { state in state.workers.contains { $0.thread == thread } }
    }

    func shutdown(cancellingQueued: Bool) {
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
    }

    func add(_ job: PoolJob) {
        do { try place(job, mayStart: true) } catch let error as ThreadUnavailable {
            // Fewer threads than wished for do the work as well; none do not.
            do { try place(job, mayStart: false, unless: error) } catch { job.reject(error) }
        } catch {
            job.reject(error)
        }
    }

    private func place(_ job: PoolJob, mayStart: Bool, unless noThread: ThreadUnavailable? = nil) throws {
        enum Step { case wake(Worker), start(Worker), queued, reject(any Error) }
        let step: Step = state.withLock { state in
            if state.isShutDown { return .reject(PoolClosed(pool: name)) }
            if let worker = state.idle.popLast() {
                worker.job.withLock { $0 = job }
                return .wake(worker)
            }
            if let noThread, state.workers.isEmpty { return .reject(noThread) }
            if mayStart, state.workers.count < state.size {
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
        case .start(let worker): try start(worker)
        case .queued: break
        case .reject(let error): throw error
        }
    }

    func start(_ worker: Worker) throws(ThreadUnavailable) {
        do { try PlainThread.start("sy-\(name)") { [self] in run(worker) } } catch {
            let isLast = state.withLock { state in
                state.remove(worker)
                return state.workers.isEmpty && state.isShutDown
            }
            if isLast { ending.tryComplete(.success(())) }
            throw error
        }
    }

    func cancel(_ job: PoolJob) -> CancellationAnswer {
        guard job.cancel() else { return .tooLate }
        state.withLock { state in state.queue.removeAll { $0 === job } }
        return .stopped
    }

    /// The answer to a thread that is about to block until the job has run.
    func blocking(on job: PoolJob) -> BlockingAnswer {
        if job.isParents {
            return .refused(
                WouldDeadlock(
                    .other(
                        "for a job that worker pool \"\(name)\" was given before this process was forked: it is the parent's."
                            + " Submit it again"
                    )
                )
            )
        }
        let thread = Worker.currentThread
        let (worker, wouldHang, size) = state.withLock { state in
            guard let worker = state.workers.first(where: { $0.thread == thread }) else {
                return (nil as Worker?, false, 0)
            }
            state.awaited[ObjectIdentifier(worker)] = job
            guard state.isStuck else { return (worker, false, 0) }
            state.awaited[ObjectIdentifier(worker)] = nil
            return (worker, true, state.workers.count)
        }
        guard let worker else { return .allowed }
        guard wouldHang else {
            return .allowedUntil { [self] in state.withLock { $0.awaited[ObjectIdentifier(worker)] = nil } }
        }
        let place = size == 1 ? "the only thread" : "a thread"
        let others = size == 1 ? "" : ", and all others of its threads wait for jobs of this pool, too"
        return .refused(
            WouldDeadlock(
                .other(
                    "on \(place) of worker pool \"\(name)\", for a job that needs a thread of it\(others). Give the pool more"
                        + " threads, or return the future and let the caller wait"
                )
            )
        )
    }

    private func run(_ worker: Worker) {
        worker.begin()
        while let job = nextJob(for: worker) { job.start() }
    }

    /// Waits for a job; nil when the thread is to end.
    private func nextJob(for worker: Worker) -> PoolJob? {
        while true {
            if let job = worker.job.withLock({ $0.take() }) { return job }
            enum Step { case run(PoolJob), sleep, end(isLast: Bool) }
            let step: Step = state.withLock { state in
                // One that was asleep when the pool became smaller is no longer in the list.
                guard state.workers.contains(where: { $0 === worker }) else { return .end(isLast: false) }
                if !state.hasTooMany {
                    if !state.queue.isEmpty { return .run(state.queue.removeFirst()) }
                    if !state.isShutDown {
                        state.idle.append(worker)
                        return .sleep
                    }
                }
                state.remove(worker)
                return .end(isLast: state.workers.isEmpty && state.isShutDown)
            }
            switch step {
            case .run(let job): return job
            case .sleep: if !sleep(worker) { return nil }
            case .end(let isLast):
                if isLast { ending.tryComplete(.success(())) }
                return nil
            }
        }
    }

    /// Sleeps until there is something to look at. False if that took too long: the thread is the pool's no more.
    private func sleep(_ worker: Worker) -> Bool {
        let limit = idleLimit.map { LoopInstant.now.advanced(by: $0) }
        if worker.parker.wait(until: limit ?? .distantFuture) { return true }
        let hasLeft = state.withLock { state in
            guard let place = state.idle.firstIndex(where: { $0 === worker }) else { return false }
            state.idle.remove(at: place)
            state.remove(worker)
            return true
        }
        if hasLeft { return false }
        // Somebody has chosen it meanwhile, and is about to wake it.
        _ = worker.parker.wait()
        return true
    }
}
