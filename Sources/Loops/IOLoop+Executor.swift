// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

extension IOLoop {
    /// Runs a job of Swift's concurrency runtime on the loop; on the retirement thread once the loop has stopped.
    ///
    /// - Executor: The loop. Thread-safe; first come, first served: priorities are not looked at.
    /// - Complexity: As ``post(_:)``; nothing is allocated for a job.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if append(.job(job)) { return }
        Retirement.shared.run(job, of: self, box: box)
    }

    /// The loop as the executor of an actor. The actor has to keep the loop alive.
    public func asUnownedSerialExecutor() -> UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }

    /// The loop as the preferred executor of a task.
    public func asUnownedTaskExecutor() -> UnownedTaskExecutor { unsafe UnownedTaskExecutor(ordinary: self) }

    /// True if the calling thread is running this loop, so that `assumeIsolated` works in its callbacks. Otherwise nil: a
    /// definite no would have the runtime stop the process in words of its own, without the loop's name.
    public func isIsolatingCurrentContext() -> Bool? { isCurrent ? true : nil }

    /// Stops the process if the calling thread is not running this loop.
    public func checkIsolated() {
        guard !isCurrent else { return }
        fatalError(
            "This code is isolated to loop \"\(name)\", but runs on \(CurrentLoopName.text). Post to the loop, or await."
        )
    }
}
