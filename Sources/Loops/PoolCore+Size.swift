// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

extension PoolCore {
    /// Threads that sleep and are too many end at once, those that work after their job; more start for what is queued.
    func resize(to size: Int) {
        let (leaving, starting) = state.withLock { state in
            state.size = size
            let surplus = max(0, min(state.workers.count - size, state.idle.count))
            let leaving = Array(state.idle.prefix(surplus))
            state.idle.removeFirst(surplus)
            for worker in leaving { state.remove(worker) }
            var starting: [(Worker, PoolJob)] = []
            while state.workers.count < size, !state.queue.isEmpty {
                let job = state.queue.removeFirst()
                let worker = Worker(job)
                state.workers.append(worker)
                starting.append((worker, job))
            }
            return (leaving, starting)
        }
        for worker in leaving { worker.parker.wake() }
        for (worker, job) in starting {
            // Where there is no thread for it, the others do it. It has been in the queue, and keeps its right to a place.
            do { try start(worker) } catch { putBack(job, error) }
        }
    }

    private func putBack(_ job: PoolJob, _ error: ThreadUnavailable) {
        let sleeper: Worker?? = state.withLock { state in
            if let worker = state.idle.popLast() {
                worker.job.withLock { $0 = job }
                return .some(worker)
            }
            if state.workers.isEmpty { return nil }
            state.queue.insert(job, at: 0)
            return .some(nil)
        }
        guard let sleeper else { return job.reject(error) }
        sleeper?.parker.wake()
    }
}
