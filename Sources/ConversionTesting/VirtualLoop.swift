// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
public import Futures
public import Loops

/// A deterministic event loop with a clock of its own: time passes only when a test says so.
///
/// It can stand in for `IOLoop` wherever a `Loop` is asked for, is a Swift executor of both kinds, and runs on the thread
/// that calls `advance` or one of the `run` methods, on which it is the current loop meanwhile. Time starts at zero.
///
/// Callbacks run in the order in which they were posted. With a seed, what different *posters* have posted is interleaved
/// differently for each seed, and the same for equal seeds; a poster is a task, a greenlet, or a thread outside of both,
/// and what one poster has posted keeps its order. Timers with equal deadlines fire in the order they were set, always.
///
/// It may be driven from a Swift task, such as a test function; callbacks then see that task as the current one. Tests of
/// greenlets and of `wait()` drive it from `onThread { … }`.
public final class VirtualLoop: TurnHosting, @unchecked Sendable {  // SAFETY: see the next lines.
    // `inbox`, `timers` and `closers` are thread-safe; `box` is set before the loop is shared; what stands under
    // "The turn" belongs to the thread that drives.
    enum Phase { case idle, running, stopping, stopped }

    struct State {
        var work: [Posted] = []
        var phase = Phase.idle
        var now = LoopInstant(nanoseconds: 0)
        var attachment: AnyObject?
        var pin: VirtualLoop?
        var waiter: ThreadParker?
    }

    /// The name, for diagnostics.
    public let name: String
    let inbox = Inbox()
    let timers = TimerQueue()
    let closers = CloseRegistry()
    @safe @exclusivity(unchecked) var box: LoopBox!

    // The turn.
    @safe @exclusivity(unchecked) var shuffle: Shuffle?
    @safe @exclusivity(unchecked) var turnHook: (@Sendable () -> Bool)?
    @safe @exclusivity(unchecked) var stuckHook: (@Sendable (_FutureCore?) -> Bool)?
    @safe @exclusivity(unchecked) var needsTurn = false

    /// Makes a loop at time zero.
    ///
    /// - Parameter seed: Chooses the interleaving of different posters; nil is first in, first out.
    public init(name: String = "virtual", seed: UInt64? = nil) {
        self.name = name
        shuffle = seed.map(Shuffle.init(seed:))
        box = LoopBox(self)
    }

    deinit {
        let actions = closers.close()
        // Cancellations may keep the inbox, and what is in it must not keep them.
        let (unread, attachment) = inbox.withLock { inbox in
            inbox.phase = .stopped
            defer { (inbox.work, inbox.attachment) = ([], nil) }
            return (inbox.work, inbox.attachment)
        }
        _ = (consume unread, consume attachment)
        guard !actions.isEmpty else { return }
        Drain.shared.post { for action in actions { action() } }
    }

    // MARK: Loop

    /// The virtual time.
    public var now: LoopInstant { inbox.withLock { $0.now } }

    /// Whether the calling thread is driving this loop.
    public var isCurrent: Bool { box.isCurrent }

    /// Runs the callback in a later turn. See `Loop.post(_:)`.
    ///
    /// - Executor: The loop. Thread-safe.
    public func post(_ work: @escaping @Sendable () -> Void) { _ = tryPost(work) }

    /// Runs the callback in a later turn, unless the loop has stopped.
    ///
    /// - Executor: The loop. Thread-safe.
    /// - Returns: False if the loop has stopped: the callback was refused.
    @discardableResult
    public func tryPost(_ work: @escaping @Sendable () -> Void) -> Bool { append(.callback(work)) }

    func append(_ work: LoopWork) -> Bool { inbox.append(work, of: work.isJob ? self : nil, isOnLoop: isCurrent) }

    /// Posts without keeping the loop alive.
    public var _poster: any CallbackExecutor { Poster(inbox: inbox, box: box) }

    /// Runs the callback at an instant of virtual time. See `Loop.schedule(at:_:)`.
    ///
    /// - Executor: The loop.
    /// - Cancellation: Through the result, from any thread.
    public func schedule(at deadline: LoopInstant, _ work: @escaping @Sendable () -> Void) -> LoopTimer {
        let (entry, _) = timers.add(at: deadline, work)
        inbox.withLock { $0.waiter }?.wake()
        return LoopTimer { [timers] in timers.cancel(entry) }
    }

    /// Registers what has to be failed when the loop stops. See `Loop.whenClosed(_:)`.
    ///
    /// - Executor: The thread that stops the loop.
    public func whenClosed(_ action: @escaping @Sendable () -> Void) -> LoopTimer { closers.add(action) }

    /// What has to be failed when this loop stops: for the tests that nothing piles up.
    package var pendingClosers: Int { closers.count }

    /// Timers that have neither fired nor been cancelled.
    public var pendingTimers: Int { timers.count }

    /// Callbacks and jobs that wait for a turn.
    public var pendingWork: Int { inbox.withLock { $0.work.count } }

    /// The instant of the next timer.
    public var nextDeadline: LoopInstant? { timers.earliest }
}

extension VirtualLoop {
    /// An object of its own, so that a cancellation can post without holding the loop; see `Mailbox`.
    final class Inbox: Sendable {
        private let state = Lock(State())

        func withLock<R>(_ body: (inout State) throws -> R) rethrows -> R { try state.withLock(body) }

        /// Appends work, jobs with their loop; false if it is refused.
        func append(_ work: LoopWork, of loop: VirtualLoop?, isOnLoop: Bool) -> Bool {
            let posted = Posted(work: work, poster: Posted.currentPoster)
            let (accepted, waiter) = state.withLock { state in
                switch state.phase {
                case .idle, .running: break
                case .stopping: guard loop != nil || isOnLoop else { return (false, nil as ThreadParker?) }
                case .stopped: return (false, nil)
                }
                state.work.append(posted)
                if loop != nil, state.pin == nil { state.pin = loop }
                return (true, state.waiter)
            }
            waiter?.wake()
            return accepted
        }
    }

    struct Poster: CallbackExecutor {
        let inbox: Inbox
        let box: LoopBox

        func post(_ work: @escaping @Sendable () -> Void) { _ = tryPost(work) }

        func tryPost(_ work: @escaping @Sendable () -> Void) -> Bool {
            inbox.append(.callback(work), of: nil, isOnLoop: box.isCurrent)
        }
    }
}

extension VirtualLoop: CustomStringConvertible {
    /// The name, the time and what is pending.
    public var description: String {
        "VirtualLoop(\"\(name)\" at \(now), \(pendingWork) posted, \(pendingTimers) timers)"
    }
}

// MARK: Executors

extension VirtualLoop {
    /// Runs a job of Swift's concurrency runtime on the loop; on the retirement thread once the loop has stopped.
    ///
    /// - Executor: The loop. Thread-safe.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if append(.job(job)) { return }
        Retirement.shared.run(job, of: self, box: box)
    }

    /// The loop as the executor of an actor. The actor has to keep the loop alive.
    public func asUnownedSerialExecutor() -> UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }

    /// The loop as the preferred executor of a task.
    public func asUnownedTaskExecutor() -> UnownedTaskExecutor { unsafe UnownedTaskExecutor(ordinary: self) }

    /// True if the calling thread is driving this loop; otherwise nil, as with `IOLoop`.
    public func isIsolatingCurrentContext() -> Bool? { isCurrent ? true : nil }

    /// Stops the process if the calling thread is not driving this loop.
    public func checkIsolated() {
        guard !isCurrent else { return }
        fatalError(
            "This code is isolated to loop \"\(name)\", but runs on \(CurrentLoopName.text)."
        )
    }
}

// MARK: Greenlets

extension VirtualLoop {
    package func attachment(_ make: () -> AnyObject) -> AnyObject {
        if let present = inbox.withLock({ $0.attachment }) { return present }
        let new = make()
        return inbox.withLock { inbox in
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
        let isFree = inbox.withLock { inbox in
            guard inbox.phase == .idle else { return false }
            inbox.phase = .running
            return true
        }
        guard isFree else { return }
        box.enter {
            body { _ = runPosted() }
            leave()
        }
    }

    /// It has nothing of the kernel's.
    package var isForked: Bool { false }

    package func setNeedsTurn() {
        assert(isCurrent, "setNeedsTurn off the loop")
        needsTurn = true
    }
}
