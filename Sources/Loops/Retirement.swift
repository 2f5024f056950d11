// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

package import Futures

/// The one thread on which the Swift jobs of stopped loops still run, one after the other.
///
/// A job cannot be failed and must not be dropped: its task would be suspended for ever.
package final class Retirement: Sendable {
    package static let shared = Retirement()

    @safe
    private struct Entry: @unchecked Sendable {  // SAFETY: see the next lines.
        // a job is handed over for exactly one run.
        let job: UnownedJob
        let loop: any ExecutingLoop
        let box: LoopBox
    }

    private struct State {
        var queue: [Entry] = []
        var isStarted = false
        var parker = ThreadParker()
    }

    private let state = Lock(State())

    private init() { ForkGuard.add(self) }

    /// Runs the job on the retirement thread, with its loop current there. Keeps the loop alive until then.
    package func run(_ job: UnownedJob, of loop: any ExecutingLoop, box: LoopBox) {
        let entry = Entry(job: job, loop: loop, box: box)
        let sleeper: ThreadParker? = state.withLock { state in
            state.queue.append(entry)
            defer { state.isStarted = true }
            return state.isStarted ? state.parker : nil
        }
        if let sleeper {
            sleeper.wake()
        } else {
            do { try PlainThread.start("sy-retired") { [self] in drain() } } catch {
                // There is nobody else to run the jobs, and nobody to tell: their tasks would be suspended for ever.
                fatalError("switchyard: the jobs of a stopped loop cannot be run: \(error)")
            }
        }
    }

    private func drain() {
        let parker = state.withLock { $0.parker }
        while true {
            let batch = state.withLock { state in
                defer { state.queue = [] }
                return state.queue
            }
            for entry in batch {
                entry.box.enter { LoopWork.run(entry.job, on: entry.loop) }
            }
            if batch.isEmpty { _ = parker.wait() }
        }
    }
}

extension Retirement: ForkGuarded {
    package func lockForFork() { state.lockForFork() }

    /// The tasks of the parent go on there.
    package func unlockAfterFork(inChild: Bool) {
        state.unlockAfterFork { state in
            guard inChild else { return }
            ForkGuard.leave(state)
            state = State()
        }
    }
}
