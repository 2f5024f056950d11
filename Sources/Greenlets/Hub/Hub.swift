// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
package import CStackSwitch
public import Futures
import Loops
import Synchronization

/// The scheduler of a loop's greenlets: one hub for each loop.
///
/// The hub runs on the loop's own stack, as one step of each of its turns and with no current task. A greenlet that parks
/// switches directly to the next ready one; when there is none, or the turn's share is used up, back to the loop.
@safe
public final class Hub: @unchecked Sendable {  // SAFETY: one thread only, see below.
    // It lives in its loop's attachment or, if that is not one of Switchyard's own, in the list of foreign hubs.
    // Everything that changes is touched on the loop's thread only.

    /// How many times greenlets are resumed in one turn of the loop, so that descriptors and timers are not starved.
    private static let shareOfTurn = 256
    private static let identifiers = Atomic<UInt64>(1)

    // SAFETY: the loop owns the hub, or whoever uses the hub holds the loop; live greenlets do.
    package unowned(unsafe) let loop: any Loop
    // SAFETY: as `loop`, which it is.
    private unowned(unsafe) var turns: (any TurnHosting)?
    package let scheduler: UnsafeMutablePointer<Scheduler>
    @exclusivity(unchecked) package private(set) var carrier: OpaquePointer!
    @exclusivity(unchecked) private var isTurnPosted = false
    @exclusivity(unchecked) package private(set) var live = LiveList()
    /// Keeps the loop as long as greenlets live.
    @exclusivity(unchecked) private var loopOfTheLive: (any Loop)?
    /// Keeps the loop for good when greenlets of it could not be unwound.
    @exclusivity(unchecked) var loopOfTheLost: (any Loop)?
    private let closed = Atomic<Bool>(false)
    /// Greenlets that other threads completed a wait of while the loop took no more posts.
    let lateUnparks = Lock<[AnyGreenlet]>([])
    /// A kill was thrown into a greenlet that may live.
    @safe @exclusivity(unchecked) var hasThrownKills = false
    /// Who wants to know when no greenlet is left.
    @safe @exclusivity(unchecked) var idleWaiters: [Promise<Void>] = []
    /// One that was not stuck when all were looked at last.
    @safe @exclusivity(unchecked) var free: AnyGreenlet?
    /// How many say that somebody else is going to post.
    let expectedPosts = Atomic<Int>(0)
    /// How often a hub whose loop stops has thrown into its greenlets.
    @safe @exclusivity(unchecked) var closingRounds = 0
    /// How often it has waited for others meanwhile.
    @safe @exclusivity(unchecked) var closingDelays = 0
    /// Why it throws.
    private let endingReason = Atomic<Ending>(.loopStopped)
    /// Greenlets have begun on the carrier, and not all greenlets have ended since.
    @safe @exclusivity(unchecked) private(set) var holdsStacks = false
    /// The tasklets of the thread, while it runs some.
    @safe @exclusivity(unchecked) var tasklets: TaskletScheduler?
    private let hasJoined = Atomic<Bool>(false)

    init(loop: any Loop, turns: (any TurnHosting)?) {
        unsafe self.loop = loop
        unsafe self.turns = turns
        name = loop.name
        let reserved = unsafe Scheduler.reserve()
        unsafe scheduler = reserved.memory
        // SAFETY: the scheduler names its hub as long as that lives.
        unsafe Scheduler.open(
            reserved,
            hub: .passUnretained(self),
            door: Door(to: loop)
        )
    }

    deinit {
        if let carrier = unsafe carrier { unsafe move(from: carrier, to: nil) }
        unsafe Scheduler.retire(scheduler)
    }

    /// The first of so many numbers that no other greenlet or fiber has.
    package static func nextIdentifiers(_ count: UInt64 = 1) -> UInt64 {
        identifiers.wrappingAdd(count, ordering: .relaxed).oldValue
    }

    /// How many greenlets of this hub have been spawned and have not ended.
    package var liveCount: Int { unsafe live.count }

    /// The loop's name.
    package let name: String

    /// The loop has stopped, or is about to.
    var isClosed: Bool { closed.load(ordering: .acquiring) }
    func setClosed(_ isClosed: Bool) { closed.store(isClosed, ordering: .releasing) }

    var ending: Ending {
        get { endingReason.load(ordering: .relaxed) }
        set { endingReason.store(newValue, ordering: .relaxed) }
    }

    /// Whether the calling thread runs the hub's loop.
    package var isCurrent: Bool { unsafe loop.isCurrent }

    /// Runs `action` on the loop's thread, in a later step.
    ///
    /// - Returns: False if the loop has stopped: all its greenlets have ended, or are about to.
    @discardableResult
    package func send(_ action: @escaping @Sendable () -> Void) -> Bool {
        unsafe loop.tryPost(action)
    }

    // MARK: Starting

    /// On the loop's thread: schedules a new greenlet.
    func startHere(_ greenlet: AnyGreenlet) {
        if isClosed {
            greenlet.endUnstarted(closedError(greenlet))
            return
        }
        // Killed between its pause and here.
        if unsafe greenlet.state == .dead { return }
        insert(greenlet)
        unsafe scheduler.pointee.push(starting: greenlet)
        requestTurn()
    }

    func closedError(_ greenlet: AnyGreenlet) -> any Error {
        switch ending {
        case .forked: return forkedError(greenlet)
        case .loopStopped: return LoopClosed(loop: name, operation: "the greenlet \(greenlet.displayName)")
        case .threadEnded:
            return LoopClosed(
                loop: name,
                operation: "the greenlet \(greenlet.displayName)",
                because: "whose thread has ended. Let greenlets end, or stop the loop, before its thread ends"
            )
        }
    }

    /// Whether stacks of this hub can be entered on the calling thread: it is theirs, or there are none yet.
    var canEnterHere: Bool {
        guard let carrier = unsafe carrier, unsafe sy_carrier_current() != carrier else { return true }
        return unsafe live.all.allSatisfy { unsafe $0.state == .pending }
    }

    /// Makes the calling thread, which runs the loop, able to switch stacks. On the loop's own stack.
    package func attachCarrier() {
        MonitorThread.resumeAfterFork()
        if let carrier = unsafe carrier {
            if unsafe sy_carrier_current() == carrier {
                // A carrier may have the address of one whose thread has ended: its words have to be named again.
                if unsafe sy_carrier_running(carrier) == sy_carrier_root(carrier) {
                    unsafe Self.installUserWords(carrier)
                }
                return
            }
            // Not a precondition: release builds keep the words of fatal errors only.
            if unsafe !live.all.allSatisfy({ unsafe $0.state == .pending }) {
                unsafe fatalError(
                    """
                    Loop "\(name)" came to another thread with \(live.count) greenlets alive, which are bound to the thread \
                    they began on. Run the loop on one thread for as long as it has greenlets.
                    """
                )
            }
        }
        GreenletRuntime.start()
        guard let attached = unsafe sy_carrier_attach() else {
            preconditionFailure("no memory to make the thread of loop \"\(name)\" a carrier of greenlets")
        }
        unsafe move(from: carrier, to: attached)
        unsafe carrier = attached
        unsafe Self.installUserWords(attached)
        unsafe scheduler.pointee.root = sy_carrier_root(attached)
        unsafe scheduler.pointee.carrierAddress.store(UInt(bitPattern: attached), ordering: .relaxed)
        unsafe scheduler.pointee.rememberThread()
    }

    /// On the carrier's own stack: has every switch set the calling thread's words.
    static func installUserWords(_ carrier: OpaquePointer) {
        unsafe sy_carrier_set_user_words(
            carrier,
            UnsafeMutableRawPointer(sy_thread_current()).assumingMemoryBound(to: UnsafeMutableRawPointer?.self)
        )
        unsafe sy_thread_set_task_word(sy_carrier_task_word(carrier))
    }

    /// Puts a greenlet on the list of the living, which owns it.
    func insert(_ greenlet: AnyGreenlet) {
        // A loop that nobody runs, but whose greenlets are parked on it, must not go away under them.
        if unsafe live.isEmpty { unsafe loopOfTheLive = unsafe loop }
        unsafe live.insert(greenlet)
    }

    /// Takes a greenlet that has no stack out of the list of the living, which owned it.
    func remove(_ greenlet: AnyGreenlet) { unsafe unlink(greenlet)?.release() }

    /// The same, leaving the list's reference to the caller.
    func unlink(_ greenlet: AnyGreenlet) -> Unmanaged<AnyGreenlet>? {
        let reference = unsafe live.unlink(greenlet)
        if unsafe !greenlet.joiners.isEmpty { unsafe greenlet.joiners.wakeAll() }
        if unsafe live.isEmpty {
            if !idleWaiters.isEmpty { send { [self] in completeIdle() } }
            if holdsStacks { holdsStacks = false }
            unsafe loopOfTheLive = nil
        }
        return unsafe reference
    }

    // MARK: Scheduling

    /// On the loop's thread: schedules a suspended stack.
    @inline(__always)
    static func enqueue(
        _ context: UnsafeMutablePointer<sy_context>,
        on scheduler: UnsafeMutablePointer<Scheduler>
    ) -> Bool {
        unsafe scheduler.pointee.push(context)
        return unsafe scheduler.pointee.isInTurn
    }

    /// Whether the loop still runs what is posted. The thread that retired jobs run on passes for a stopped loop's own.
    var isAccepting: Bool { !isClosed && (unsafe carrier != nil && sy_carrier_current() == carrier || send {}) }

    /// The loop, if it calls the hub in its turns; others are posted to.
    var turnHosting: (any TurnHosting)? { unsafe turns }

    /// Sees to it that the loop runs this hub soon.
    func requestTurn() {
        if unsafe scheduler.pointee.isInTurn { return }
        if let turns = unsafe turns {
            turns.setNeedsTurn()
        } else if unsafe !isTurnPosted {
            unsafe isTurnPosted = true
            send { [self] in
                unsafe isTurnPosted = false
                if runTurn() { requestTurn() }
            }
        }
    }

    /// On the loop's own stack: runs what is ready, within the turn's share.
    ///
    /// - Returns: True if more is ready.
    @discardableResult
    private func runTurn() -> Bool {
        attachCarrier()
        holdStacks()
        if isClosed { return closingTurn() }
        runReady(share: Self.shareOfTurn)
        if let tasklets, unsafe scheduler.pointee.isEmpty { tasklets.queueRanOut() }
        return unsafe !scheduler.pointee.isEmpty
    }

    /// On the carrier, which has greenlets, or is about to have.
    func holdStacks() { if unsafe !live.isEmpty { holdsStacks = true } }

    /// Resumes greenlets that are ready, one after the other, so many times at most.
    func runReady(share: Int) {
        let words = unsafe sy_runtime_clear_task()
        unsafe scheduler.pointee.share = share
        unsafe scheduler.pointee.isInTurn = true
        unsafe scheduler.pointee.beginRun(at: loop.now)
        let root = unsafe scheduler.pointee.root!
        precondition(
            unsafe sy_carrier_running(carrier) == root,
            "Loop \"\(name)\" is being run inside a fiber. Run it on its thread's own stack."
        )
        while let next = unsafe nextContext() {
            _ = unsafe sy_context_switch(root, next, nil)
            unsafe Self.reap(scheduler)
        }
        unsafe scheduler.pointee.isInTurn = false
        unsafe scheduler.pointee.endRun()
        unsafe sy_runtime_restore_words(words)
    }

    /// The stack to run next, nil when none is ready or the share is used up.
    func nextContext() -> UnsafeMutablePointer<sy_context>? {
        while true {
            switch unsafe scheduler.pointee.next() {
            case .none: return nil
            case .resume(let context): return unsafe context
            case .start(let greenlet):
                let context = unsafe greenlet._withUnsafeGuaranteedRef { unsafe begin($0) }
                if let context = unsafe context { return unsafe context }
            }
        }
    }

    /// Gives a new greenlet its stack; nil if it was killed before it began, or there is no memory.
    func begin(_ greenlet: AnyGreenlet) -> UnsafeMutablePointer<sy_context>? {
        guard unsafe greenlet.state == .pending else {
            remove(greenlet)
            return nil
        }
        do {
            try greenlet.prepare()
            unsafe greenlet.state = .started
            return unsafe greenlet.context
        } catch {
            greenlet.endUnstarted(error)
            remove(greenlet)
            return nil
        }
    }

    /// Leaves a stack for the next ready one or the loop's own.
    @inline(__always)
    static func switchAway(
        from context: UnsafeMutablePointer<sy_context>,
        on scheduler: UnsafeMutablePointer<Scheduler>
    ) {
        let next: UnsafeMutablePointer<sy_context>
        switch unsafe scheduler.pointee.next() {
        case .resume(let ready): unsafe next = ready
        case .none: unsafe next = scheduler.pointee.root
        case .start(let greenlet):
            unsafe next = scheduler.pointee.hub._withUnsafeGuaranteedRef { unsafe $0.start(greenlet) }
        }
        if unsafe next == context { return }
        _ = unsafe sy_context_switch(context, next, nil)
        unsafe reap(scheduler)
    }

    /// The stack of a new greenlet, or what else there is to run.
    private func start(_ greenlet: Unmanaged<AnyGreenlet>) -> UnsafeMutablePointer<sy_context> {
        let context = unsafe greenlet._withUnsafeGuaranteedRef { unsafe begin($0) }
        return unsafe context ?? nextContext() ?? scheduler.pointee.root
    }

    /// The greenlet's last act on its stack: says where control goes when its entry function returns.
    package func didEnd(_ greenlet: AnyGreenlet, on context: UnsafeMutablePointer<sy_context>) {
        // The list's reference is the entry function's to give up, when it returns.
        _ = unsafe unlink(greenlet)
        unsafe scheduler.pointee.finished = context
        let next = unsafe nextContext() ?? scheduler.pointee.root!
        unsafe sy_context_set_exit_target(context, next, nil)
    }

    /// After every switch: gives back the stack of a greenlet that has ended.
    @inline(__always)
    static func reap(_ scheduler: UnsafeMutablePointer<Scheduler>) {
        guard let context = unsafe scheduler.pointee.finished else { return }
        unsafe scheduler.pointee.finished = nil
        unsafe destroy(context)
    }

    /// Gives back the stack of a greenlet that has ended, from another stack.
    static func destroy(_ context: UnsafeMutablePointer<sy_context>) {
        if let name = unsafe context.pointee.name { unsafe sy_free_string(name) }
        unsafe sy_context_destroy(context)
    }
}

extension Hub {
    /// The hub that `spawn` uses: the loop's, by default the calling greenlet's, the current loop's, or the shared loop's.
    ///
    /// - Returns: A reference that is not counted: the loop keeps it, which the caller, the calling greenlet or the running
    ///   loop keep. And whether the calling thread is known to be the hub's, and which greenlet spawns.
    @usableFromInline
    static func forSpawn(on loop: (any Loop)?) -> (hub: Unmanaged<Hub>, isHere: Bool, spawner: Spawner) {
        // SAFETY: as said above; the shared loop lives for ever.
        if let loop {
            let hub = Hub.of(loop)
            return unsafe (.passUnretained(hub), false, Spawner(WaitContext.parkerOfThread, for: hub))
        }
        if let parker = unsafe WaitContext.parkerOfThread {
            return unsafe parker._withUnsafeGuaranteedRef {
                let spawner = unsafe unsafeDowncast($0, to: AnyGreenlet.self)
                return unsafe (spawner.hubReference, true, Spawner(neighbour: spawner.id))
            }
        }
        // The threads of the drains run callbacks like loops, but are nobody's place to live.
        let current = CurrentLoop.current.flatMap { $0 is Drain ? nil : $0 }
        return unsafe (.passUnretained(Hub.of(current ?? IOLoop.shared)), false, .none)
    }

    /// The hub of a loop, made at the first use.
    package static func of(_ loop: any Loop) -> Hub {
        if let hosting = loop as? any TurnHosting {
            let attached = hosting.attachment { Hub(loop: loop, turns: hosting) }
            // SAFETY: hubs are the only attachments.
            let hub = unsafe unsafeDowncast(attached, to: Hub.self)
            hub.join()
            return hub
        }
        let hub = foreign(loop)
        hub.join()
        return hub
    }

    /// Once: has the loop run this hub in its turns, and end it when it ends.
    private func join() {
        if hasJoined.load(ordering: .acquiring) || hasJoined.exchange(true, ordering: .acquiringAndReleasing) { return }
        // SAFETY: the loop owns the hub, and drops the hook when it is closed.
        unsafe turns?.attach(
            turnHook: { [unowned(unsafe) self] in unsafe runTurn() },
            stuckHook: { [unowned(unsafe) self] in unsafe endStuckWait(awaited: $0) }
        )
        _ = unsafe loop.whenClosed { [self] in
            setClosed(true)
            close()
        }
    }
}
