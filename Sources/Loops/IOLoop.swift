// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
public import Futures
import Synchronization

/// An event loop on libevent: callbacks, timers, descriptors, Swift jobs and greenlets take turns on one thread.
///
/// ``shared`` runs on a thread of its own from its first use on. `IOLoop(name:)` is driven by its caller, with
/// ``run()`` or ``run(until:timeout:)``. The order within a turn is fixed: posted callbacks and jobs, timers that are due,
/// one poll, descriptors that are ready, greenlets.
///
/// A loop is also a Swift executor of both kinds: an actor lives on it by returning `loop.asUnownedSerialExecutor()` as
/// its `unownedExecutor`, a task by `Task(executorPreference: loop)`. Executors are not owned by who runs on them: **an
/// actor must keep its loop in a `let`**, or the loop may be freed under it. A loop with jobs in its queue stays alive.
///
/// Its work ends with ``stop()``. A caller-driven loop that is released without having been stopped fails what is pending
/// on it with `LoopClosed`, too.
public final class IOLoop: TurnHosting, @unchecked Sendable {  // SAFETY: see the next lines.
    // `mailbox`, `timers`, `closers` and `descriptors` are thread-safe; `box` and `poller` are set before the loop
    // is shared (and after a fork, by the child's only thread); what stands under "The turn" belongs to the running thread.

    /// The loop of the process, on a thread of its own that starts with the first use. It cannot be stopped.
    public static let shared: IOLoop = {
        do { return try onOwnThread(name: "switchyard-io") } catch {
            fatalError("switchyard: no shared loop: \(error)")
        }
    }()

    /// The name, for diagnostics.
    public let name: String
    let mailbox: Mailbox
    let timers = TimerQueue()
    let closers = CloseRegistry()
    let descriptors = DescriptorTable()
    let ending: Promise<Void>
    let hasOwnThread: Bool
    @safe @exclusivity(unchecked) var box: LoopBox!
    let poller: Poller
    @safe @exclusivity(unchecked) var forkGeneration = Fork.generation

    // The turn.
    @safe @exclusivity(unchecked) var batch: [LoopWork] = []
    @safe @exclusivity(unchecked) var nextInBatch = 0
    /// Keeps the loop alive while there are jobs in the batch.
    @safe @exclusivity(unchecked) var batchPin: IOLoop?
    @safe @exclusivity(unchecked) var turnHook: (@Sendable () -> Bool)?
    @safe @exclusivity(unchecked) var stuckHook: (@Sendable (_FutureCore?) -> Bool)?
    /// What the caller runs the loop for.
    @safe @exclusivity(unchecked) var awaited: _FutureCore?
    @safe @exclusivity(unchecked) var needsTurn = false
    @safe @exclusivity(unchecked) var hasTimers = false
    /// Counts how often a forked child has forgotten the timers.
    @safe @exclusivity(unchecked) var timerEra = 0
    @safe @exclusivity(unchecked) var workSincePoll = 0
    @safe @exclusivity(unchecked) var lastPoll = LoopInstant.now

    private static let numbers = Atomic<Int>(1)

    /// Makes a loop that its caller drives.
    ///
    /// - Parameter name: For diagnostics; nil numbers it.
    /// - Errors: ``LoopUnavailable`` when the system has no descriptors left.
    public convenience init(name: String? = nil) throws { try self.init(name: name, ownThread: false) }

    private init(name: String?, ownThread: Bool) throws {
        self.name = name ?? "loop-\(Self.numbers.wrappingAdd(1, ordering: .relaxed).oldValue)"
        hasOwnThread = ownThread
        poller = try Poller()
        mailbox = Mailbox(waker: poller.waker)
        ending = Promise("the end of loop \(self.name)")
        box = LoopBox(self)
    }

    /// Makes a loop and a thread that runs it until ``stop()``.
    ///
    /// - Errors: ``LoopUnavailable`` when the system has no descriptors left; ``ThreadUnavailable``.
    public static func onOwnThread(name: String? = nil) throws -> IOLoop {
        let loop = try IOLoop(name: name, ownThread: true)
        try loop.startThread()
        return loop
    }

    func startThread() throws {
        mailbox.state.withLock { $0.phase = .running }
        do { try PlainThread.start(name) { [self] in box.enter { drive(until: { false }) } } } catch {
            mailbox.state.withLock { $0.phase = .idle }
            throw error
        }
    }

    deinit {
        // Observers never run on the stack of a release.
        let actions = closers.close()
        let watchers = descriptors.close()
        for watcher in watchers { watcher.uninstall() }
        // Cancellations may keep the mailbox, and what is in it must not keep them.
        let unread = mailbox.state.withLock { state in
            state.phase = .stopped
            state.attachment = nil
            defer { state.work = [] }
            return state.work
        }
        _ = consume unread
        batch = []
        guard !actions.isEmpty || !watchers.isEmpty else { return }
        Drain.shared.post { [name] in
            for action in actions { action() }
            for watcher in watchers { watcher.fail(LoopClosed(loop: name, operation: watcher.operation)) }
        }
    }

    // MARK: Loop

    /// The system's monotonic clock.
    public var now: LoopInstant { .now }

    /// Whether the calling thread is running this loop.
    public var isCurrent: Bool { box.isCurrent }

    /// Runs the callback in a later turn. See `Loop.post(_:)`.
    ///
    /// - Executor: The loop. Thread-safe; FIFO for each thread that posts.
    /// - Complexity: One short lock; a system call only if the loop sleeps and nobody has woken it yet.
    public func post(_ work: @escaping @Sendable () -> Void) { _ = tryPost(work) }

    /// Runs the callback in a later turn, unless the loop has stopped.
    ///
    /// - Executor: The loop. Thread-safe; FIFO for each thread that posts.
    /// - Returns: False if the loop has been told to stop: the callback was refused. What a loop that runs has accepted it
    ///   does; while it ends, it still accepts what its own callbacks post.
    @discardableResult
    public func tryPost(_ work: @escaping @Sendable () -> Void) -> Bool { append(.callback(work)) }

    func append(_ work: LoopWork) -> Bool {
        guard !isForked else { return refuseForked("a post") }
        return mailbox.append(work, of: work.isJob ? self : nil, isOnLoop: { isCurrent })
    }

    /// Runs the callback at an instant. See `Loop.schedule(at:_:)`.
    ///
    /// - Executor: The loop.
    /// - Cancellation: Through the result, from any thread. One due timer can cancel another one that is due.
    /// - Complexity: O(log n).
    public func schedule(at deadline: LoopInstant, _ work: @escaping @Sendable () -> Void) -> LoopTimer {
        guard !isForked else {
            _ = refuseForked("a timer")
            return .spent
        }
        let (entry, isEarliest) = timers.add(at: deadline, work)
        if isEarliest, !isCurrent { mailbox.nudge() }
        return LoopTimer { [timers] in timers.cancel(entry) }
    }

    /// Registers what has to be failed when the loop stops. See `Loop.whenClosed(_:)`.
    ///
    /// - Executor: The loop, or the thread that stops a loop which nobody runs. In a forked child, where nothing is accepted,
    ///   the caller's at once.
    public func whenClosed(_ action: @escaping @Sendable () -> Void) -> LoopTimer {
        guard !isForked else {
            action()
            return .spent
        }
        return closers.add(action)
    }

    /// Posts without keeping the loop alive.
    public var _poster: any CallbackExecutor { Poster(mailbox: mailbox, box: box) }
}

extension IOLoop: CustomStringConvertible {
    /// The name and the kernel interface.
    public var description: String { "IOLoop(\"\(name)\", \(poller.method))" }
}

extension CallbackExecutor where Self == IOLoop {
    /// The shared loop, where any executor or loop is expected: `callback(on: .shared) { … }`.
    public static var shared: IOLoop { IOLoop.shared }
}
