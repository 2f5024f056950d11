// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

extension IOLoop {
    /// Stops the loop for good: it finishes what it has accepted, fails what is pending on it with `LoopClosed`, and its
    /// run returns. A stop before the run makes the run return at once.
    ///
    /// Swift jobs cannot be failed: those that come later run one after the other on the process's retirement thread.
    /// Returns without waiting; see stopped. The shared loop cannot be stopped: that is reported.
    ///
    /// - Executor: From any thread. If nobody runs the loop, the pending are failed on the calling thread.
    public func stop() {
        if self === Self.shared {
            Reporter.report(
                .message("stop() of the shared loop was ignored: others depend on it. Make a loop of your own.")
            )
            return
        }
        if isForked {
            _ = refuseForked("stop()")
            return
        }
        enum Step { case close, wake(Mailbox.Sleep), none }
        let step: Step = mailbox.state.withLock { inbox in
            switch inbox.phase {
            case .idle:
                inbox.phase = .stopping
                return .close
            case .running:
                inbox.phase = .stopping
                return .wake(inbox.awake())
            case .stopping, .stopped: return .none
            }
        }
        switch step {
        case .close: box.enter { close() }
        case .wake(let sleep): mailbox.wake(from: sleep)
        case .none: break
        }
    }

    /// Completes when the loop has stopped and its last turn is over.
    public var stopped: Future<Void> { ending.future }

    /// How many rounds of posting and completing the end of a loop may take.
    private static var closingRounds: Int { 10_000 }

    /// The end, on the thread that runs the loop or, if none does, the one that stops it; with the loop current.
    func close() {
        finishAccepted()
        for watcher in descriptors.close() {
            watcher.uninstall()
            watcher.fail(LoopClosed(loop: name, operation: watcher.operation))
        }
        for action in closers.close() { action() }
        var rounds = 0
        repeat {
            finishAccepted()
            if turnHook != nil, needsTurn { runHook() }
            rounds += 1
        } while (needsTurn || mailbox.state.withLock { !$0.work.isEmpty }) && rounds < Self.closingRounds
        let rest = mailbox.state.withLock { inbox in
            inbox.phase = .stopped
            inbox.pin = nil
            defer { inbox.work = [] }
            return inbox.work
        }
        (turnHook, stuckHook) = (nil, nil)
        timers.removeAll()
        for case .job(let job) in rest { Retirement.shared.run(job, of: self, box: box) }
        ending.tryComplete(.success(()))
    }

    /// Runs everything posted so far.
    func finishAccepted() {
        while nextInBatch < batch.count { runBatch() }
        batchPin = mailbox.state.withLock { inbox in
            swap(&inbox.work, &batch)
            return inbox.pin.take()
        }
        nextInBatch = 0
        while nextInBatch < batch.count { runBatch() }
    }
}
