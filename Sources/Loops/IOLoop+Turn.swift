// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

package import Futures

extension IOLoop {
    /// How many callbacks and jobs run in a turn, and how many between two polls.
    private static var turnBudget: Int { 256 }
    private static var pollBudget: Int { 64 }
    /// How long descriptors wait at most while there is work, single callbacks that take longer aside.
    private static var pollInterval: Int64 { 100_000 }

    /// Takes turns until the condition holds or the loop is told to stop. With the loop current, in phase `running`.
    func drive(until isDone: () -> Bool) {
        while !isDone() {
            guard !isForked || survivesFork() else { return leave() }
            guard takeBatch() else { return close() }
            runBatch()
            fireTimers()
            // The poll set is the parent's.
            if isForked { continue }
            poll(mayWait: !isDone())
            runHook()
        }
        leave()
    }

    /// The end of a run.
    private func leave() {
        let mustClose = mailbox.state.withLock { inbox in
            if inbox.phase == .stopping { return true }
            inbox.phase = .idle
            return false
        }
        if mustClose { close() }
    }

    /// Step 1: a snapshot of what has been posted, unless the last one is not finished. False if told to stop.
    private func takeBatch() -> Bool {
        let unfinished = nextInBatch < batch.count
        let (isStopping, pin) = mailbox.state.withLock { inbox in
            inbox.sleep = .none
            inbox.isNudged = false
            guard !unfinished else { return (inbox.phase == .stopping, nil as IOLoop?) }
            swap(&inbox.work, &batch)
            return (inbox.phase == .stopping, inbox.pin.take())
        }
        if !unfinished { (nextInBatch, batchPin) = (0, pin) }
        return !isStopping
    }

    func runBatch(budget: Int = turnBudget) {
        let end = min(batch.count, nextInBatch + budget)
        workSincePoll += end - nextInBatch
        while nextInBatch < end {
            let work = LoopWork.take(&batch[nextInBatch])
            nextInBatch += 1
            work.run(on: self)
        }
        if nextInBatch == batch.count {
            batch.removeAll(keepingCapacity: batch.capacity <= 4096)
            (nextInBatch, batchPin) = (0, nil)
        }
    }

    /// Step 2: the timers that are due now; one of them may still cancel another, and what they arm comes later.
    func fireTimers() {
        hasTimers = timers.earliest != nil
        guard hasTimers else { return }
        let now = LoopInstant.now
        guard let first = timers.popDue(at: now) else { return }
        var due = [first]
        while let next = timers.popDue(at: now) { due.append(next) }
        workSincePoll += due.count
        let era = timerEra
        for timer in due where era == timerEra { timer.take()?() }
    }

    /// Steps 3 and 4: one poll, which sleeps if there is nothing to do, and the descriptors it found ready.
    private func poll(mayWait: Bool) {
        let isWatching = poller.isWatching
        if mayWait, nextInBatch == batch.count, !needsTurn {
            // Only posts can end the sleep of a loop without timers and descriptors, and they need no poll for it. A timer
            // that another thread has set since `fireTimers` looked has nudged the loop, which then does not fall asleep.
            let isParking = !isWatching && !hasTimers
            if isParking, !hasOwnThread, isStuck() { return }
            if fallAsleep(isParking ? .parked : .polling) {
                if isParking {
                    poller.waker.park()
                    return
                }
                poller.poll(timers.earliest.map { .until($0) } ?? .forever)
                return polled(at: .now)
            }
        }
        guard isWatching else { return }
        let now = LoopInstant.now
        guard workSincePoll >= Self.pollBudget || now.nanoseconds - lastPoll.nanoseconds >= Self.pollInterval else {
            return
        }
        poller.poll(.none)
        polled(at: now)
    }

    private func polled(at instant: LoopInstant) {
        lastPoll = instant
        workSincePoll = 0
        deliverReady()
    }

    /// Whether the hub had to end a wait that nothing else will. Only posts can end the sleep that is about to begin.
    private func isStuck() -> Bool {
        guard let stuckHook, closers.count <= 1 else { return false }
        let isQuiet = mailbox.state.withLock { $0.work.isEmpty && !$0.isNudged && $0.phase == .running }
        return isQuiet && stuckHook(awaited)
    }

    private func fallAsleep(_ sleep: Mailbox.Sleep) -> Bool {
        mailbox.state.withLock { inbox in
            guard inbox.work.isEmpty, !inbox.isNudged, inbox.phase == .running else { return false }
            inbox.sleep = sleep
            return true
        }
    }

    private func deliverReady() {
        guard !poller.ready.isEmpty else { return }
        var ready = poller.ready
        poller.ready = []
        if ready.count > 1 { ready.sort { $0.sequence < $1.sequence } }
        for watcher in ready { deliver(watcher) }
    }

    /// Step 6: greenlets.
    func runHook() {
        guard needsTurn, let turnHook else { return }
        needsTurn = false
        workSincePoll += 16
        if turnHook() { needsTurn = true }
    }
}

extension IOLoop {
    package func attachment(_ make: () -> AnyObject) -> AnyObject {
        // Made outside of the lock: the maker may use the loop. The first one stays.
        if let present = mailbox.state.withLock({ $0.attachment }) { return present }
        let new = make()
        return mailbox.state.withLock { inbox in
            if let present = inbox.attachment { return present }
            inbox.attachment = new
            return new
        }
    }

    @discardableResult
    package func attach(
        turnHook: @escaping @Sendable () -> Bool,
        stuckHook: @escaping @Sendable (_FutureCore?) -> Bool
    ) -> Bool {
        if isCurrent {
            (self.turnHook, self.stuckHook) = (turnHook, stuckHook)
            return true
        }
        return tryPost { [unowned self] in (self.turnHook, self.stuckHook) = (turnHook, stuckHook) }
    }

    package func takeLastTurn(_ body: (_ runPosted: () -> Void) -> Void) {
        guard !isForked else { return }
        let isFree = mailbox.state.withLock { inbox in
            guard inbox.phase == .idle else { return false }
            inbox.phase = .running
            return true
        }
        guard isFree else { return }
        box.enter {
            body { finishAccepted() }
            leave()
        }
    }

    package func setNeedsTurn() {
        assert(isCurrent, "setNeedsTurn off the loop")
        needsTurn = true
    }
}
