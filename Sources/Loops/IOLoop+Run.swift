// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
public import Futures

extension IOLoop {
    /// Runs the loop on the calling thread until it is stopped.
    ///
    /// The loop is current inside. If it has been stopped before, returns at once.
    ///
    /// - Errors: ``CannotRunLoop`` where it runs already, on a thread that runs another loop, in a task, a greenlet, a fiber
    ///   or an observer, and in a forked child, also one that was forked by something that the loop ran.
    @available(*, noasync, message: "use a loop with a thread of its own: IOLoop.onOwnThread(name:)")
    public func run() throws {
        guard try begin() else { return }
        box.enter { drive(until: { false }) }
        if isForked { throw CannotRunLoop(loop: name, reason: .forked) }
    }

    /// Runs the loop on the calling thread until the source has its outcome (Tornado: run_sync).
    ///
    /// The loop is current inside, and can be run again afterwards.
    ///
    /// - Cancellation: A timeout leaves the source running, but for a `Call`, whose run nobody else could reach: that is
    ///   cancelled, also when the loop is stopped, and not begun on a loop that has been; as with `wait(timeout:)`.
    /// - Parameter timeout: How long to run at most.
    /// - Errors: The source's own; `TimedOut`; `LoopClosed` if the loop is stopped before the source has completed;
    ///   ``CannotRunLoop`` as with ``run()``.
    @available(*, noasync, message: "use `try await x.value`")
    @discardableResult
    public func run<Success: Sendable>(
        until source: some Awaitable<Success>,
        timeout: Duration? = nil
    ) throws -> Success {
        let isOpen = try begin()
        let isPrepared = source is any _Prepared
        guard isOpen || !isPrepared else {
            throw LoopClosed(loop: name, operation: "run(until:) of a call, which was not started,")
        }
        let limit = timeout.map { now.advanced(by: $0) }
        return try box.enter {
            let future = source.future()
            let registration = future.observe { [self] _ in mailbox.nudge() }
            let alarm = limit.map { schedule(at: $0) {} }
            if isOpen {
                awaited = future
                defer { awaited = nil }
                drive(until: { future.isCompleted || limit.map { now >= $0 } ?? false })
            }
            alarm?.cancel()
            if let outcome = future.outcome { return try outcome.get() }
            if isForked { throw CannotRunLoop(loop: name, reason: .forked) }
            // Left, not cancelled outright: the run may be a future that others observe, too.
            if isPrepared { registration.cancel() } else { registration.withdraw() }
            if let timeout, let limit, now >= limit, !isStopped {
                throw TimedOut(after: timeout, waitingFor: "\(future)", cancelling: isPrepared)
            }
            throw LoopClosed(loop: name, operation: "run(until:) of \(future), which was stopped before it completed,")
        }
    }

    /// Claims the loop for the calling thread; false if it has been stopped.
    private func begin() throws -> Bool {
        guard !isForked else { throw CannotRunLoop(loop: name, reason: .forked) }
        if isCurrent { throw CannotRunLoop(loop: name, reason: .alreadyRunning) }
        switch WaitContext.current {
        case .thread: if WaitContext.isOnForeignStack { throw CannotRunLoop(loop: name, reason: .insideFiber) }
        case .greenlet: throw CannotRunLoop(loop: name, reason: .insideGreenlet)
        case .refused(let refusal):
            let reason: CannotRunLoop.Reason =
                switch refusal.place {
                case .loop(let outer): .insideLoop(outer)
                case .observer: .insideObserver
                case .foreignTask: .insideGreenlet
                default: .insideTask
                }
            throw CannotRunLoop(loop: name, reason: reason)
        }
        return try mailbox.state.withLock { inbox in
            switch inbox.phase {
            case .idle:
                inbox.phase = .running
                return true
            case .stopped: return false
            case .running, .stopping: throw CannotRunLoop(loop: name, reason: .alreadyRunning)
            }
        }
    }

    var isStopped: Bool {
        mailbox.state.withLock { $0.phase == .stopped || $0.phase == .stopping }
    }
}
