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

extension IOLoop {
    var isForked: Bool { Fork.current != forkGeneration }

    /// Names the misuse where no error can be thrown. Returns false.
    func refuseForked(_ operation: String) -> Bool {
        // Not through the reporter: its thread is in the parent.
        StandardError.write("switchyard: \(LoopForked(loop: name, operation: operation))\n")
        return false
    }

    /// Makes the loop usable in a forked child: it gets kernel objects of its own, and forgets all that was posted,
    /// scheduled and watched, which is the parent's to do. A loop with a thread of its own gets a new one.
    ///
    /// Call it in the child's only thread. Fork while no other thread posts to the loop: its lock, held then, stays locked in
    /// the child. The same is true of a single future, queue or event that another thread is about to change.
    ///
    /// Futures, reports, timers outside of a loop and worker pools need nothing of the kind: they start threads of their own
    /// with their first use in the child. What they had been given before the fork is done in the parent only; waiting in the
    /// child for a pool's job that was submitted before is refused. Swift's own concurrency does not survive a fork: the child
    /// has no tasks. A child that needs more than that is started with `posix_spawn`.
    ///
    /// - Errors: ``LoopUnavailable``; ``ThreadUnavailable``.
    public func reinitializeAfterFork() throws {
        guard isForked else { return }
        try poller.reinitializeAfterFork()
        mailbox.waker = poller.waker
        for watcher in descriptors.removeAll() {
            _ = watcher.end()
            watcher.uninstall()
            watcher.dropHandlers()
        }
        timers.removeAll()
        (batch, nextInBatch, batchPin, turnHook, needsTurn) = ([], 0, nil, nil, false)
        let wasStopped = mailbox.state.withLock { inbox in
            let wasStopped = inbox.phase == .stopped
            inbox = Mailbox.State()
            inbox.phase = wasStopped ? .stopped : .idle
            return wasStopped
        }
        forkGeneration = Fork.current
        if hasOwnThread, !wasStopped { try startThread() }
    }
}
