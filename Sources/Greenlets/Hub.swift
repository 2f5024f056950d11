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
public final class Hub: @unchecked Sendable {
    // SAFETY: everything that changes is touched on the loop's thread only; the hub lives in its loop's `TurnSlot`, or
    // keeps its loop alive.

    /// How many times greenlets are resumed in one turn of the loop, so that descriptors and timers are not starved.
    private static let shareOfTurn = 256
    private static let identifiers = Atomic<UInt64>(1)

    package unowned(safe) let loop: any Loop
    private let keptLoop: (any Loop)?
    @safe private(set) package var carrier: OpaquePointer!
    @safe private var ready = ReadyQueue()
    /// A context that has ended, and is destroyed by whoever runs next.
    @safe private var finished: UnsafeMutablePointer<sy_context>?
    private var share = 0
    private unowned(safe) var turns: (any TurnHosting)?
    private var isTurnPosted = false
    package var live = LiveList()
    private var isClosed = false
    private let hasJoined = Atomic<Bool>(false)

    private init(loop: any Loop, turns: (any TurnHosting)?) {
        self.loop = loop
        self.turns = turns
        keptLoop = turns == nil ? loop : nil
    }

    /// Once: has the loop run this hub in its turns, and end it when it ends.
    private func joinTurns() {
        guard !hasJoined.exchange(true, ordering: .acquiringAndReleasing) else { return }
        turns?.attach(turnHook: { [unowned(safe) self] in runTurn() })
        closeWithLoop()
    }

    package static func nextIdentifier() -> UInt64 {
        identifiers.wrappingAdd(1, ordering: .relaxed).oldValue
    }

    /// How many greenlets of this hub have been spawned and have not ended.
    package var liveCount: Int { live.count }

    /// Whether the calling thread runs the hub's loop.
    package var isCurrent: Bool { loop.isCurrent }

    /// Runs `action` on the loop's thread, in a later step.
    package func send(_ action: @escaping @Sendable () -> Void) { loop.post(action) }

    // MARK: Starting

    /// Schedules a new greenlet.
    package func start(_ greenlet: AnyGreenlet) {
        if isCurrent { startHere(greenlet) } else { send { [self] in startHere(greenlet) } }
    }

    private func startHere(_ greenlet: AnyGreenlet) {
        if isClosed {
            greenlet.endUnstarted(LoopClosed(loop: loop.name, operation: "the greenlet \(greenlet.displayName)"))
            return
        }
        live.insert(greenlet)
        if greenlet.state == .pending { enqueue(greenlet) }
    }

    /// Makes the calling thread, which runs the loop, able to switch stacks. On the loop's own stack.
    package func attachCarrier() {
        if let carrier = carrier {
            guard unsafe sy_carrier_current() != carrier else { return }
            precondition(
                live.isEmpty,
                """
                Loop "\(loop.name)" came to another thread with \(live.count) greenlets alive, which are bound to the thread \
                they began on. Run the loop on one thread for as long as it has greenlets.
                """)
        }
        GreenletRuntime.start()
        guard let attached = unsafe sy_carrier_attach() else {
            preconditionFailure("no memory to make the thread of loop \"\(loop.name)\" a carrier of greenlets")
        }
        unsafe carrier = attached
        let words = unsafe sy_thread_current()
        unsafe sy_carrier_set_user_words(
            attached, UnsafeMutableRawPointer(words).assumingMemoryBound(to: UnsafeMutableRawPointer?.self))
    }

    // MARK: Scheduling

    /// On the loop's thread: appends a ready greenlet.
    package func enqueue(_ greenlet: AnyGreenlet) {
        ready.push(greenlet)
        requestTurn()
    }

    private func requestTurn() {
        if let turns {
            turns.setNeedsTurn()
        } else if !isTurnPosted {
            isTurnPosted = true
            loop.post { [self] in
                isTurnPosted = false
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
        let words = unsafe sy_runtime_clear_task()
        let root = unsafe sy_carrier_root(carrier)
        share = Self.shareOfTurn
        while let next = unsafe nextContext() {
            _ = unsafe sy_context_switch(root, next, nil)
            reap()
        }
        unsafe sy_runtime_restore_words(words)
        return !ready.isEmpty
    }

    /// The stack to run next, nil when none is ready or the share is used up.
    private func nextContext() -> UnsafeMutablePointer<sy_context>? {
        while share > 0, let greenlet = ready.pop() {
            share -= 1
            if let context = greenlet.context {
                greenlet.state = .running
                return unsafe context
            }
            guard greenlet.state == .pending else {
                live.remove(greenlet)
                continue
            }
            do {
                try greenlet.prepare()
                greenlet.state = .running
                return greenlet.context
            } catch {
                greenlet.endUnstarted(error)
                live.remove(greenlet)
            }
        }
        return nil
    }

    /// Leaves the greenlet's stack, which is parked or ready, for the next ready one or the loop's own.
    package func switchAway(from greenlet: AnyGreenlet) {
        guard let from = greenlet.context else { return }
        let next = unsafe nextContext() ?? sy_carrier_root(carrier)
        if unsafe next == from { return }
        _ = unsafe sy_context_switch(from, next, nil)
        reap()
    }

    /// The greenlet's last act on its stack: says where control goes when its entry function returns.
    package func didEnd(_ greenlet: AnyGreenlet, on context: UnsafeMutablePointer<sy_context>) {
        live.remove(greenlet)
        unsafe finished = context
        let next = unsafe nextContext() ?? sy_carrier_root(carrier)
        unsafe sy_context_set_exit_target(context, next, nil)
    }

    /// After every switch: gives back the stack of a greenlet that has ended.
    package func reap() {
        guard let context = finished else { return }
        finished = nil
        unsafe destroy(context)
    }

    /// Gives back the stack of a greenlet that has ended, from another stack.
    package func destroy(_ context: UnsafeMutablePointer<sy_context>) {
        if let name = unsafe context.pointee.name { unsafe sy_free_string(name) }
        unsafe sy_context_destroy(context)
    }

    // MARK: Closing

    /// How often a closing hub throws into greenlets that go on waiting.
    private static let closingRounds = 16

    /// On the loop's thread and own stack: ends all greenlets. One that refuses keeps its stack, and is reported.
    private func close() {
        isClosed = true
        for _ in 0..<Self.closingRounds where !live.isEmpty {
            for greenlet in live.all {
                greenlet.interrupt(LoopClosed(loop: loop.name, operation: "the greenlet \(greenlet.displayName)"))
            }
            while !ready.isEmpty { runTurn() }
        }
        for greenlet in live.all { abandon(greenlet) }
    }

    private func abandon(_ greenlet: AnyGreenlet) {
        Reporter.report(
            .message(
                """
                the greenlet \(greenlet._summary) went on waiting \(Self.closingRounds) times after loop "\(loop.name)" had \
                been stopped. Its stack is kept and what it holds leaks; let the errors of wait points pass.
                """))
        if let context = greenlet.context { unsafe sy_context_abandon(context) }
        greenlet.endAbandoned(LoopClosed(loop: loop.name, operation: "the greenlet \(greenlet.displayName)"))
        live.remove(greenlet)
    }
}

extension Hub {
    /// The loops that are not Switchyard's own; each is kept alive by its hub.
    private static let foreign = Lock<[ObjectIdentifier: Hub]>([:])

    /// The hub of a loop, made at the first use.
    package static func of(_ loop: any Loop) -> Hub {
        if let hosting = loop as? any TurnHosting {
            let attached = hosting.attachment { Hub(loop: loop, turns: hosting) }
            // SAFETY: hubs are the only attachments.
            let hub = unsafe unsafeDowncast(attached, to: Hub.self)
            hub.joinTurns()
            return hub
        }
        return foreign.withLock { hubs in
            if let hub = hubs[ObjectIdentifier(loop)] { return hub }
            let hub = Hub(loop: loop, turns: nil)
            hubs[ObjectIdentifier(loop)] = hub
            hub.closeWithLoop()
            return hub
        }
    }

    private func closeWithLoop() {
        _ = loop.whenClosed { [weak self] in self?.close() }
    }

    /// All greenlets of a loop, one line each: what they wait for. On the loop's thread.
    public static func dump(of loop: any Loop) -> String {
        let hub = Hub.of(loop)
        let lines = hub.live.all.map { "  \($0.dumpLine)" }
        return (["\(lines.count) greenlets on loop \"\(loop.name)\""] + lines).joined(separator: "\n")
    }
}
