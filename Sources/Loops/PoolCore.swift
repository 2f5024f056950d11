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
