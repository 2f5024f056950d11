// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// The least a loop can be as an executor: a queue of jobs that one thread drains, with every enqueue counted.
///
/// Ours and the peers' `await` rows run on it alike, so that little but their own cost is measured. It is a task
/// executor too and its tasks prefer it: a continuation resumed in a task without a preference goes through the
/// global executor's threads before it comes back to an actor with an executor of its own.
// SAFETY: a row creates it, enqueues to it and drains it on one thread.
package final class TurnExecutor: SerialExecutor, TaskExecutor, @unchecked Sendable {
    @exclusivity(unchecked) private var queue: [UnownedJob] = []
    @exclusivity(unchecked) private var draining: [UnownedJob] = []
    @exclusivity(unchecked) package private(set) var enqueues = 0

    package init() {}

    package func enqueue(_ job: consuming ExecutorJob) {
        enqueues += 1
        queue.append(UnownedJob(job))
    }

    /// Runs `body` in a task, isolated to a stage on this executor, and calls `turn` whenever the queue is empty.
    package func run(
        _ body: @escaping @Sendable (isolated Stage) async throws -> Void,
        turn: () -> Void = {}
    ) throws {
        let stage = Stage(executor: self)
        let outcome = Outcome()
        Task(executorPreference: self) {
            do { outcome.result = .success(try await body(stage)) } catch { outcome.result = .failure(error) }
        }
        while outcome.result == nil {
            drain()
            turn()
        }
        try outcome.result?.get()
    }

    private func drain() {
        while !queue.isEmpty {
            swap(&queue, &draining)
            for job in draining {
                job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
            }
            draining.removeAll(keepingCapacity: true)
        }
    }

    private final class Outcome: @unchecked Sendable {  // SAFETY: written and read on the draining thread.
        @exclusivity(unchecked) var result: Result<Void, any Error>?
    }
}

/// The isolation the `await` rows run in, as an actor on a loop gives it.
package actor Stage {
    private let executor: TurnExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(executor: TurnExecutor) { self.executor = executor }
}
