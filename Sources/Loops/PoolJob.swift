// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
import Futures
import Synchronization

/// One job of a worker pool: it runs, is rejected or is cancelled; the first wins.
final class PoolJob: Sendable {
    private struct Work: Sendable {
        let run: @Sendable () -> Void
        let reject: @Sendable (any Error) -> Void
    }

    private let work: Lock<Work?>
    private let finished = Atomic<Bool>(false)
    private let forkGeneration = Fork.current

    init(run: @escaping @Sendable () -> Void, reject: @escaping @Sendable (any Error) -> Void) {
        work = Lock(Work(run: run, reject: reject))
    }

    /// It has run, or never will. Its result may still be on the way.
    var isFinished: Bool { finished.load(ordering: .acquiring) }

    /// It was submitted before a fork, in another process.
    var isParents: Bool { forkGeneration != Fork.current }

    func start() {
        let run = work.withLock { $0.take() }?.run
        run?()
        finished.store(true, ordering: .releasing)
    }

    func reject(_ error: any Error) {
        guard let reject = work.withLock({ $0.take() })?.reject else { return }
        finished.store(true, ordering: .releasing)
        reject(error)
    }

    func cancel() -> Bool {
        guard work.withLock({ $0.take() }) != nil else { return false }
        finished.store(true, ordering: .releasing)
        return true
    }
}

/// One thread of a worker pool.
final class Worker: Sendable {
    let parker = ThreadParker()
    /// A job that is handed over without going through the queue.
    let job: Lock<PoolJob?>
    private let identity = Atomic<UInt>(0)

    init(_ job: PoolJob) { self.job = Lock(job) }

    func begin() { identity.store(Self.currentThread, ordering: .relaxed) }

    var thread: UInt { identity.load(ordering: .relaxed) }

    /// Tells threads apart.
    static var currentThread: UInt { unsafe UInt(bitPattern: sy_thread_current()) }
}

/// A worker pool was given a job after its shutdown.
public struct PoolClosed: Error, Sendable, CustomStringConvertible {
    /// The pool's name.
    public let pool: String

    /// What happened, where it began, what to do.
    public var description: String {
        "PoolClosed: worker pool \"\(pool)\" has been shut down and takes no jobs. Submit before the shutdown, or to"
            + " another pool."
    }
}

/// A worker pool has as many jobs waiting as it may.
public struct PoolSaturated: Error, Sendable, CustomStringConvertible {
    /// The pool's name.
    public let pool: String
    /// How many jobs may wait.
    public let capacity: Int

    /// What happened, where it began, what to do.
    public var description: String {
        "PoolSaturated: \(capacity) jobs wait for worker pool \"\(pool)\" already, as many as may. Submit fewer at once, or"
            + " give the pool more threads or a larger capacity."
    }
}
