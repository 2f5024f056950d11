// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// How many forks lie between this process and the first: a loop remembers the number it was made under.
///
/// Asking for the process id is a system call, and posting is not to make one.
enum Fork {
    private static let count = Atomic<Int>(0)

    private static let registered: Void = {
        _ = pthread_atfork(nil, nil) { Fork.count.wrappingAdd(1, ordering: .relaxed) }
    }()

    /// For loops when they are made: starts the counting.
    static var generation: Int {
        _ = registered
        return current
    }

    static var current: Int { count.load(ordering: .relaxed) }
}

/// For the modules that build on this one.
package enum ProcessForks {
    /// How many lie between this process and the first; counted from the first loop on.
    package static var count: Int { Fork.current }
}

/// What a forked child takes over of a loop.
public enum ForkPolicy: Sendable, Hashable {
    /// Nothing: what was posted, scheduled and watched is the parent's to do, and greenlets end with ``LoopForked``, thrown at
    /// their wait points.
    case nothing
    /// The greenlets go on, in the parent and in the child. So do the loop's timers and posted callbacks, which they may wait
    /// for; descriptors that were watched fail with ``LoopForked``.
    case greenlets
}

extension IOLoop {
    package var isForked: Bool { Fork.current != forkGeneration }

    /// Names the misuse where no error can be thrown. Returns false.
    func refuseForked(_ operation: String) -> Bool {
        // Not through the reporter: its thread is in the parent.
        StandardError.write("switchyard: \(LoopForked(loop: name, operation: operation))\n")
        return false
    }

    /// Makes the loop usable in a forked child: it gets kernel objects of its own, and forgets all that was posted,
    /// scheduled and watched, which is the parent's to do, unless it is told to keep greenlets (gevent: fork and reinit, after
    /// which greenlets go on in both).
    ///
    /// Call it in the child's only thread; also where the loop itself has forked, in a callback or a greenlet, which then goes
    /// on. A loop with a thread of its own gets a new one, unless that thread is the caller's. Fork while no other thread
    /// posts to the loop: its lock, held then, stays locked in the child. The same is true of a single future, queue or event
    /// that another thread is about to change.
    ///
    /// Greenlets can go on, or unwind, if it was their thread that has forked. What they wait for must be something that the
    /// child can bring about: a wait for a job that a worker pool had before the fork is refused, and others need a deadline
    /// or a kill. Greenlets of other threads and the portals of tasks (`Greenlet.run`) are given up with ``LoopForked``, and
    /// reported; a portal that forks itself runs on, but cannot wait.
    ///
    /// Futures, reports, timers outside of a loop and worker pools need nothing of the kind: they start threads of their own
    /// with their first use in the child. What they had been given before the fork is done in the parent only; waiting in the
    /// child for a pool's job that was submitted before is refused. Swift's own concurrency does not survive a fork: the child
    /// has no tasks. A child that needs more than that is started with `posix_spawn`.
    ///
    /// - Parameter policy: What becomes of the loop's greenlets.
    /// - Errors: ``LoopUnavailable``; ``ThreadUnavailable``; `GreenletMisuse` in a greenlet whose loop's own stack is not in
    ///   this process (`SWITCHYARD_ENGINE=threads`).
    public func reinitializeAfterFork(keeping policy: ForkPolicy = .nothing) throws {
        guard isForked else { return }
        let attachment = mailbox.state.withLock { $0.attachment } as? any ForkedAttachment
        try attachment?.prepareForTakeover()
        try poller.reinitializeAfterFork()
        mailbox.waker = poller.waker
        let watchers = descriptors.removeAll()
        for watcher in watchers { watcher.uninstall() }
        if policy == .nothing {
            timers.removeAll()
            timerEra += 1
        }
        let isStopped = takeOverWork(keepsCallbacks: policy == .greenlets)
        forkGeneration = Fork.current
        for watcher in watchers { forget(watcher, telling: attachment != nil) }
        attachment?.takenOver(keeping: policy)
        if hasOwnThread, !isStopped, !isCurrent { try startThread() }
    }

    /// The jobs are tasks of the parent. A loop that runs goes on with its turn, also if it is to stop.
    ///
    /// - Returns: Whether the loop has stopped.
    private func takeOverWork(keepsCallbacks: Bool) -> Bool {
        func isKept(_ work: LoopWork) -> Bool { keepsCallbacks && !work.isJob }
        // In their places: this may be one of the batch.
        for index in nextInBatch..<max(nextInBatch, batch.count) where !isKept(batch[index]) { batch[index] = .spent }
        batchPin = nil
        let isRunning = isCurrent
        let (dropped, isStopped) = mailbox.state.withLock { inbox in
            let all = inbox.work
            inbox.work = all.filter(isKept)
            (inbox.sleep, inbox.isNudged, inbox.pin) = (.none, false, nil)
            if !isRunning, inbox.phase != .stopped { inbox.phase = .idle }
            return (all, inbox.phase == .stopped)
        }
        _ = consume dropped
        return isStopped
    }

    /// Greenlets are told, later and on the loop, what has become of their descriptor.
    private func forget(_ watcher: Watcher, telling: Bool) {
        if telling, tryPost({ [name] in watcher.fail(LoopForked(loop: name, operation: watcher.operation)) }) { return }
        _ = watcher.end()
        watcher.dropHandlers()
    }

    /// A run has come to a child that it was not meant for.
    ///
    /// - Returns: Whether somebody has made the loop the child's own meanwhile, so that it goes on.
    func survivesFork() -> Bool {
        _ = refuseForked("a turn")
        (mailbox.state.withLock { $0.attachment } as? any ForkedAttachment)?.endInForkedChild()
        return !isForked
    }
}
