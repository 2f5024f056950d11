// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// What the threads of a worker pool share, and keep alive; the pool itself can be released meanwhile.
final class PoolCore: Sendable {
    private struct State {
        var queue: [PoolJob] = []
        var idle: [Worker] = []
        var workers: [Worker] = []
        var isShutDown = false
        /// The jobs of this pool that its own workers block for.
        var awaited: [ObjectIdentifier: PoolJob] = [:]

        /// Nobody is left who could finish a job: each worker blocks until another one of this pool has run.
        var isStuck: Bool {
            awaited.count == workers.count && awaited.values.allSatisfy { !$0.isFinished }
        }
    }

    private let name: String
    private let size: Int
    private let capacity: Int
    private let state = Lock(State())
    let ending: Promise<Void>

    init(name: String, size: Int, capacity: Int) {
        self.name = name
        self.size = size
        self.capacity = capacity
        ending = Promise("the end of worker pool \(name)")
    }

    var queued: Int { state.withLock { $0.queue.count } }

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
            if mayStart, state.workers.count < size {
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
        case .start(let worker):
            do { try PlainThread.start("sy-\(name)") { [self] in run(worker) } } catch {
                remove(worker)
                throw error
            }
        case .queued: break
        case .reject(let error): throw error
        }
    }

    private func remove(_ worker: Worker) {
        let isLast = state.withLock { state in
            state.workers.removeAll { $0 === worker }
            return state.workers.isEmpty && state.isShutDown
        }
        if isLast { ending.tryComplete(.success(())) }
    }

    func cancel(_ job: PoolJob) -> CancellationAnswer {
        guard job.cancel() else { return .tooLate }
        state.withLock { state in state.queue.removeAll { $0 === job } }
        return .stopped
    }

    /// The answer to a thread that is about to block until the job has run.
    func blocking(on job: PoolJob) -> BlockingAnswer {
        let thread = Worker.currentThread
        let (worker, wouldHang) = state.withLock { state in
            guard let worker = state.workers.first(where: { $0.thread == thread }) else {
                return (nil as Worker?, false)
            }
            state.awaited[ObjectIdentifier(worker)] = job
            guard state.isStuck else { return (worker, false) }
            state.awaited[ObjectIdentifier(worker)] = nil
            return (worker, true)
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
