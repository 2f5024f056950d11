// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
import CStackSwitch
import Futures
import Synchronization

/// What fibers stand on: a thread's own stack, or the stack of one greenlet. Fibers of one host switch among each other
/// and with the host's own code, its *main* fiber.
@safe
final class FiberHost: @unchecked Sendable {  // SAFETY: one thread only, see below.
    // `carrier`, `place` and `isOver` are immutable or atomic, `dropped` is behind its lock; the rest:
    // touched on the host's thread only.
    let carrier: OpaquePointer
    /// The thread or greenlet, for diagnostics.
    let place: String
    private let over = Atomic<Bool>(false)
    /// Fibers whose last handle went elsewhere; nil once the host has ended.
    private let dropped = Lock<[FiberCore]?>([])
    private let hasDropped = Atomic<Bool>(false)
    // SAFETY: the context's `owner` holds the main fiber as long as the host lives.
    private(set) unowned(unsafe) var main: FiberCore!
    /// Who left the stack last: to be cleaned up by who arrives.
    var previous: FiberCore?
    /// The thread's; here for the sake of a switch, which looks at it.
    var tracer: FiberTracer?
    let thread: FiberThread
    /// All that have started and have not ended.
    private var active: [UInt64: FiberCore] = [:]

    private init(_ carrier: OpaquePointer, _ context: UnsafeMutablePointer<sy_context>) {
        unsafe self.carrier = carrier
        let root = unsafe sy_carrier_root(carrier)
        var threadStorage: GreenletStorage?
        if unsafe context == root {
            threadStorage = GreenletStorage.takeFromThread()
            thread = FiberThread(localMail: threadStorage?.mail ?? LocalMail())
        } else {
            thread = unsafe (Self.fiber(of: root) ?? FiberHost(carrier, root).main).host.thread
        }
        if let parker = unsafe sy_context_user_word(context, 1) {
            // SAFETY: the word of a greenlet that runs.
            place = unsafe Unmanaged<AnyGreenlet>.fromOpaque(parker).takeUnretainedValue().displayName
        } else {
            place = Self.threadName
        }
        let main = unsafe MainFiber(host: self, context: context)
        unsafe self.main = main
        main.storage = threadStorage
        tracer = thread.tracer
        thread.hosts[ObjectIdentifier(self)] = self
        // SAFETY: released by `end`.
        unsafe context.pointee.owner = Unmanaged<FiberCore>.passRetained(main).toOpaque()
    }

    /// The thread or its loop.
    static var threadName: String {
        if let loop = CurrentLoop.current { return "the thread of loop \"\(loop.name)\"" }
        return "thread 0x\(String(UInt(bitPattern: unsafe sy_thread_current()), radix: 16))"
    }

    var isOver: Bool { over.load(ordering: .acquiring) }

    var mainFiber: FiberCore { unsafe main }

    /// The fiber that runs on this thread; the first call on a stack makes its main fiber.
    static var currentFiber: FiberCore {
        GreenletRuntime.start()
        guard let carrier = unsafe sy_carrier_current() ?? sy_carrier_attach() else {
            preconditionFailure("no memory to make this thread a carrier of fibers")
        }
        let context = unsafe sy_carrier_running(carrier)
        if let fiber = unsafe fiber(of: context) { return fiber }
        if unsafe context == sy_carrier_root(carrier) { unsafe Hub.installUserWords(carrier) }
        return unsafe FiberHost(carrier, context).main
    }

    /// The fiber that runs on this thread, if the thread has any.
    static var existingFiber: FiberCore? {
        guard let carrier = unsafe sy_carrier_current() else { return nil }
        return unsafe fiber(of: sy_carrier_running(carrier))
    }

    private static func fiber(of context: UnsafeMutablePointer<sy_context>) -> FiberCore? {
        // SAFETY: the owner of a context that has not ended is its fiber.
        unsafe context.pointee.owner.map { unsafe Unmanaged<FiberCore>.fromOpaque($0).takeUnretainedValue() }
    }

    // MARK: Switching

    /// Leaves `from`, which runs, for `to`, and comes back when somebody switches to `from`.
    func transfer(from: FiberCore, to: FiberCore) {
        previous = from
        #if DEBUG
        willLeave(from)
        #endif
        adoptJob(to)
        _ = unsafe sy_context_switch(from.context!, to.context!, nil)
    }

    /// A fiber runs as part of the job that is on the thread now, if any: not of the one in which it was suspended.
    func adoptJob(_ fiber: FiberCore) {
        let words = unsafe sy_runtime_current_words()
        unsafe sy_context_set_host(fiber.context!, words.task, words.tracking)
    }

    /// After every switch, on the stack that was resumed: tells the tracer, and gives back what the last one has left. May
    /// unwind fibers, and run others.
    ///
    /// - Errors: The tracer's.
    func arrived(_ fiber: FiberCore, with arrival: FiberCore.Arrival) throws {
        // Out of the way of switches that are made from here.
        let left = previous
        previous = nil
        #if DEBUG
        didArrive(at: fiber, from: left)
        #endif
        let failure = tracer.flatMap { trace($0, from: left, to: fiber, with: arrival) }
        if let left {
            if left.state == .dead {
                left.releaseStack()
            } else if left.isUnreachable {
                unwind(left, from: fiber)
            }
        }
        if hasDropped.load(ordering: .relaxed) { unwindDropped(from: fiber) }
        if let failure { throw failure }
    }

    // MARK: Ending

    func started(_ fiber: FiberCore) { active[fiber.id] = fiber }
    func ended(_ fiber: FiberCore) { active[fiber.id] = nil }
    var activeCount: Int { active.count }
    var activeFibers: [FiberCore] { Array(active.values) }

    /// From any thread: the last handle of a fiber has gone, and it cannot be unwound here.
    func drop(_ fiber: FiberCore) {
        // SAFETY: handed over to the host's thread.
        nonisolated(unsafe) let fiber = fiber
        dropped.withLock { unsafe $0?.append(fiber) }
        hasDropped.store(true, ordering: .relaxed)
    }

    func unwindDropped(from fiber: FiberCore) {
        hasDropped.store(false, ordering: .relaxed)
        // SAFETY: taken over by the host's thread.
        nonisolated(unsafe) var list: [FiberCore] = []
        dropped.withLock { dropped in
            unsafe list = dropped ?? []
            if dropped != nil { dropped = [] }
        }
        for dropped in unsafe list where dropped.isUnreachable { unwind(dropped, from: fiber) }
    }

    /// How often a fiber that goes on after `GreenletExit` gets it again.
    private static var attempts: Int { 16 }

    /// Throws `GreenletExit` at the suspension point of a fiber, and comes back when it has ended (greenlet: a dropped one).
    ///
    /// - Parameter evenIfHeld: Also when somebody has got hold of it meanwhile; otherwise it stays suspended then.
    func unwind(_ fiber: FiberCore, from here: FiberCore, evenIfHeld: Bool = false) {
        fiber.returnsTo = here
        let suspension = here.closeForUnwinding()
        for _ in 0..<Self.attempts where fiber.state == .active && (evenIfHeld || fiber.handle == nil) {
            fiber.arrival = .failure(GreenletExit())
            transfer(from: here, to: fiber)
            reportLost(here.arrival, of: here)
            here.arrival = .none
            settle(here)
        }
        here.reopen(suspension)
        // Its parent is its own again.
        fiber.returnsTo = nil
        guard fiber.state == .active, evenIfHeld || fiber.handle == nil else { return }
        Reporter.report(
            .message(
                """
                \(fiber.summary) went on after GreenletExit \(Self.attempts) times when its last reference was dropped. Its \
                stack is kept and what it holds leaks; let the errors of switches pass.
                """
            )
        )
        fiber.abandon()
    }

    /// As `arrived`, where there is nobody to throw at.
    private func settle(_ here: FiberCore) {
        do { try arrived(here, with: .none) } catch {
            Reporter.report(
                .message("the tracer of \(place) failed while a fiber was unwound, and was removed: \(error)")
            )
        }
    }

    /// A fiber that waits for another to unwind takes nothing: what ended with it as its heir has told nobody.
    private func reportLost(_ arrival: FiberCore.Arrival, of fiber: FiberCore) {
        guard case .failure(let error) = arrival else { return }
        Reporter.report(.message("\(fiber.summary) was unwinding another fiber, and this was lost: \(error)"))
    }

    /// The stack that fibers stand on is about to end: those that are suspended unwind.
    static func stackEnds(_ context: UnsafeMutablePointer<sy_context>) {
        guard let owner = unsafe context.pointee.owner else { return }
        // SAFETY: retained when the host was made; taken back after its end.
        let main = unsafe Unmanaged<FiberCore>.fromOpaque(owner)
        unsafe main._withUnsafeGuaranteedRef { $0.host.end() }
        unsafe context.pointee.owner = nil
        unsafe main.release()
    }

    private func end() {
        let main = unsafe main!
        settle(main)
        while let fiber = active.values.min(by: { $0.id < $1.id }) { unwind(fiber, from: main, evenIfHeld: true) }
        if main.storage != nil { main.endStorage() }
        over.store(true, ordering: .releasing)
        thread.hosts[ObjectIdentifier(self)] = nil
        dropped.withLock { $0 = nil }
        main.state = .dead
        unsafe main.context = nil
    }
}

/// The code that the host's own stack runs.
private final class MainFiber: FiberCore {
    init(host: FiberHost, context: UnsafeMutablePointer<sy_context>) {
        super.init(host: host, name: "main", stackSize: 0, parent: nil)
        unsafe self.context = context
        state = .active
    }

    override var isMain: Bool { true }
}
