// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures
import Loops

extension VirtualLoop {
    /// Runs what is ready, without letting time pass, until nothing is left to do at this instant.
    ///
    /// - Parameter turnLimit: What counts as never coming to rest.
    /// - Errors: `CannotRunLoop` if the loop is being driven already; ``NeverIdle`` at the limit. A stopped loop does
    ///   nothing.
    public func runUntilIdle(turnLimit: Int = 1_000_000) throws {
        try drive { try settle(turnLimit) }
    }

    /// Lets time pass: runs what is ready, then each timer up to the end of the duration at its own instant.
    ///
    /// - Errors: As ``runUntilIdle(turnLimit:)``.
    public func advance(by duration: Duration) throws { try advance(to: now.advanced(by: duration)) }

    /// Lets time pass up to an instant; an instant that has passed only runs what is ready.
    ///
    /// - Errors: As ``runUntilIdle(turnLimit:)``.
    public func advance(to instant: LoopInstant) throws {
        try drive {
            try settle()
            while !isEnding, let next = timers.earliest, next <= instant {
                move(to: next)
                try settle()
            }
            move(to: instant)
            try settle()
        }
    }

    /// Lets time pass from timer to timer until none is left.
    ///
    /// - Parameter limit: How much time may pass at most: a periodic call never ends.
    /// - Errors: As ``runUntilIdle(turnLimit:)``.
    public func advanceUntilIdle(limit: Duration = .seconds(86_400)) throws {
        let end = now.advanced(by: limit)
        try drive {
            try settle()
            while !isEnding, let next = timers.earliest, next <= end {
                move(to: next)
                try settle()
            }
        }
    }

    /// Runs the loop, and lets time pass from timer to timer, until the source has its outcome.
    ///
    /// - Cancellation: A `Call` that has no outcome at the end is cancelled, and not begun on a loop that has been stopped;
    ///   other sources are left running.
    /// - Parameters:
    ///   - timeout: How much virtual time may pass.
    ///   - patience: How much real time to wait for other threads when nothing is left to do here.
    /// - Errors: The source's own; `TimedOut`; ``Stalled`` if nothing is left to do and no other thread posts; `LoopClosed`
    ///   if the loop is stopped first; `CannotRunLoop`; ``NeverIdle``.
    @discardableResult
    public func run<Success: Sendable>(
        until source: some Awaitable<Success>,
        timeout: Duration? = nil,
        patience: Duration = .seconds(60)
    ) throws -> Success {
        let limit = timeout.map { now.advanced(by: $0) }
        let isPrepared = source is any _Prepared
        return try drive {
            if isPrepared, isStopped {
                throw LoopClosed(loop: name, operation: "run(until:) of a call, which was not started,")
            }
            let future = source.future()
            let parker = ThreadParker()
            inbox.withLock { $0.waiter = parker }
            defer { inbox.withLock { $0.waiter = nil } }
            let registration = future.observe { _ in parker.wake() }
            // Left, not cancelled outright: the run may be a future that others observe, too.
            defer { if isPrepared { registration.cancel() } else { registration.withdraw() } }
            while true {
                try settle(until: { future.isCompleted })
                if let outcome = future.outcome { return try outcome.get() }
                if isEnding || isStopped {
                    throw LoopClosed(
                        loop: name,
                        operation: "run(until:) of \(future), which was stopped before it completed,"
                    )
                }
                if let next = timers.earliest, limit.map({ next <= $0 }) ?? true {
                    move(to: next)
                } else if let timeout, let limit {
                    move(to: limit)
                    throw TimedOut(after: timeout, waitingFor: "\(future)", cancelling: isPrepared)
                } else if isStuck(awaiting: future) {
                    continue
                } else if !parker.wait(until: LoopInstant.now.advanced(by: patience)) {
                    throw Stalled(loop: name, source: "\(future)")
                }
            }
        }
    }

    /// Whether the hub had to end a wait that nothing else will.
    private func isStuck(awaiting future: Future<some Sendable>) -> Bool {
        guard let stuckHook, closers.count <= 1 else { return false }
        let isQuiet = inbox.withLock { $0.work.isEmpty && $0.phase == .running }
        return isQuiet && stuckHook(future)
    }

    /// Claims the loop for the calling thread; it is current while `body` runs.
    private func drive<R>(_ body: () throws -> R) throws -> R {
        if WaitContext.isOnForeignStack {
            let isInGreenlet = unsafe WaitContext.parkerOfThread != nil
            throw CannotRunLoop(loop: name, reason: isInGreenlet ? .insideGreenlet : .insideFiber)
        }
        let isOpen = try inbox.withLock { inbox in
            switch inbox.phase {
            case .idle:
                inbox.phase = .running
                return true
            case .stopped: return false
            case .running, .stopping: throw CannotRunLoop(loop: name, reason: .alreadyRunning)
            }
        }
        guard isOpen else { return try body() }
        return try box.enter {
            defer { leave() }
            return try body()
        }
    }

    func leave() {
        let mustClose = inbox.withLock { inbox in
            if inbox.phase == .stopping { return true }
            inbox.phase = .idle
            return false
        }
        if mustClose { close() }
    }

    var isEnding: Bool { inbox.withLock { $0.phase == .stopping } }
    var isStopped: Bool { inbox.withLock { $0.phase == .stopped } }

    private func move(to instant: LoopInstant) {
        inbox.withLock { inbox in
            if inbox.phase == .running { inbox.now = max(inbox.now, instant) }
        }
    }

    /// Takes turns until there is nothing to do now.
    private func settle(_ turnLimit: Int = 1_000_000, until isDone: () -> Bool = { false }) throws {
        var turns = 0
        while !isDone(), !isEnding, try turn() {
            turns += 1
            if turns > turnLimit { throw NeverIdle(loop: name, turns: turnLimit) }
        }
    }

    /// One turn, in the order of `IOLoop`: posted work, due timers, greenlets. False if there was nothing to do.
    func turn() throws -> Bool {
        let worked = runPosted()
        let fired = fireTimers()
        let hooked = runHook()
        return worked || fired || hooked
    }

    func runPosted() -> Bool {
        let (snapshot, pin) = inbox.withLock { inbox in
            defer { inbox.work = [] }
            return (inbox.work, inbox.pin.take())
        }
        var batch = shuffle?.interleave(snapshot) ?? snapshot
        for index in batch.indices { LoopWork.take(&batch[index].work).run(on: self) }
        _ = consume pin
        return !batch.isEmpty
    }

    private func fireTimers() -> Bool {
        let now = now
        var due: [TimerQueue.Entry] = []
        while let next = timers.popDue(at: now) { due.append(next) }
        for timer in due { timer.take()?() }
        return !due.isEmpty
    }

    func runHook() -> Bool {
        guard needsTurn, let turnHook else { return false }
        needsTurn = false
        if turnHook() { needsTurn = true }
        return true
    }
}
