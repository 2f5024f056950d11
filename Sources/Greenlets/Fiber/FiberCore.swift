// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
import CStackSwitch
import Futures

/// Keeps a fiber alive; when the last one of a suspended fiber goes, the fiber unwinds (greenlet: the last reference).
final class FiberHandle {
    let core: FiberCore

    init(_ core: FiberCore) { self.core = core }

    deinit { core.handleDropped() }
}

/// What a fiber is, apart from the type of its messages. Owned by its handle and, once started, by its own stack.
@safe
class FiberCore {
    enum State { case pending, active, dead }

    /// What a suspended fiber wakes up with.
    enum Arrival {
        case none
        /// In the slot.
        case message
        case failure(any Error)
        /// The fiber that was switched to has ended by `GreenletExit`.
        case exited
    }

    let host: FiberHost
    let name: String
    let id = Hub.nextIdentifiers()
    private let stackSize: Int
    var context: UnsafeMutablePointer<sy_context>?
    var state = State.pending
    var parent: FiberHandle?
    weak var handle: FiberHandle?
    /// The type of message that can be delivered now.
    private(set) var expects = ObjectIdentifier(Never.self)
    private var slot: AnyObject?
    var arrival = Arrival.none
    /// While it unwinds because it was dropped: who waits for that.
    var returnsTo: FiberCore?
    private var trampoline: UnsafeMutablePointer<sy_trampoline>?

    init(host: FiberHost, name: String, stackSize: Int, parent: FiberHandle?) {
        self.host = host
        self.name = name
        self.stackSize = stackSize
        self.parent = parent
    }

    deinit {
        if let trampoline = unsafe trampoline {
            unsafe sy_trampoline_destroy(trampoline)
            unsafe trampoline.deallocate()
        }
    }

    var isMain: Bool { false }

    /// `name`, or `fiber-7`.
    var displayName: String { name.isEmpty ? "fiber-\(id)" : name }

    var summary: String {
        let doing =
            switch state {
            case .pending: "pending"
            case .active: isRunning ? "running" : "suspended"
            case .dead: "dead"
            }
        return "fiber \(displayName) (\(doing)) of \(host.place)"
    }

    var isRunning: Bool { FiberHost.existingFiber === self }

    /// The one handle; made anew for a fiber that runs after its last one has gone.
    var sharedHandle: FiberHandle {
        if let handle { return handle }
        let new = FiberHandle(self)
        handle = new
        return new
    }

    // MARK: Messages

    /// From now on, messages of this type can be delivered.
    func expect<Message>(_ type: Message.Type) {
        let identifier = ObjectIdentifier(type)
        if expects == identifier { return }
        expects = identifier
        slot = Slot<Message>()
    }

    func put<Message>(_ message: Message) {
        guard expects == ObjectIdentifier(Message.self) else { return }
        // SAFETY: `expect` made the slot for this very type.
        let slot = unsafe unsafeDowncast(slot!, to: Slot<Message>.self)
        slot.message = message
        arrival = .message
    }

    /// On the fiber's own stack, after it was resumed: what it was resumed with.
    ///
    /// - Returns: nil if the other one has ended by `GreenletExit`.
    func take<Message>(_ type: Message.Type) throws -> Message? {
        let arrived = arrival
        arrival = .none
        var message: Message?
        if case .message = arrived {
            // SAFETY: see `put`.
            let slot = unsafe unsafeDowncast(slot!, to: Slot<Message>.self)
            message = slot.message
            slot.message = nil
        }
        host.arrived(self)
        if case .failure(let error) = arrived { throw error }
        return message
    }

    /// Takes no messages while a fiber that was dropped here unwinds.
    func closeForUnwinding() -> (ObjectIdentifier, AnyObject?) {
        defer {
            expects = ObjectIdentifier(FiberHost.self)
            slot = nil
        }
        return (expects, slot)
    }

    /// A fiber that was dropped on this one's stack is unwinding.
    var isUnwindingOther: Bool { expects == ObjectIdentifier(FiberHost.self) }

    func reopen(_ suspension: (ObjectIdentifier, AnyObject?)) { (expects, slot) = suspension }

    // MARK: Switching

    /// The fiber that runs, if this one can be switched to from it.
    func caller() throws -> FiberCore {
        if host.isOver { throw FiberError(.hostEnded, self) }
        guard unsafe sy_carrier_current() == host.carrier else {
            throw FiberError(.foreignThread, self, places: "\(host.place), and this is \(FiberHost.threadName)")
        }
        let here = FiberHost.currentFiber
        guard here.host === host else {
            throw FiberError(.foreignGreenlet, self, places: "\(host.place), and this is \(here.host.place)")
        }
        return here
    }

    /// Makes sure that a message of this type can be delivered.
    func prepare<Message>(for type: Message.Type, from here: FiberCore) throws {
        if state == .dead { throw FiberError(.dead, self) }
        guard expects == ObjectIdentifier(type) else {
            // A fiber that is being unwound may come back to where it was dropped; that counts as a refusal.
            if here.returnsTo === self { return }
            throw FiberError(isUnwindingOther ? .unwinding : .messageType, self)
        }
        if state == .pending { try start() }
    }

    /// Makes the stack.
    private func start() throws {
        let entry: sy_entry = { argument in
            // SAFETY: retained below; the entry returns, so that nothing stays behind on the dead stack.
            unsafe Unmanaged<FiberCore>.fromOpaque(argument!).takeRetainedValue().run()
        }
        // SAFETY: balanced by the entry.
        let reference = unsafe Unmanaged<FiberCore>.passRetained(self)
        guard let made = unsafe sy_context_create(host.carrier, stackSize, entry, reference.toOpaque()) else {
            unsafe reference.release()
            throw FiberError(.noMemory, self)
        }
        let own = UnsafeMutablePointer<sy_trampoline>.allocate(capacity: 1)
        unsafe own.initialize(to: sy_trampoline())
        unsafe trampoline = own
        unsafe context = made
        unsafe made.pointee.identifier = id
        unsafe made.pointee.owner = reference.toOpaque()
        unsafe sy_context_set_user_word(made, 0, own)
        // On top of a greenlet it is not that greenlet: its address is no task's, so that every wait is refused.
        if let parker = unsafe sy_context_user_word(host.main.context!, 1) {
            unsafe sy_context_set_user_word(made, 1, parker)
            unsafe sy_context_set_user_word(made, 2, reference.toOpaque())
        }
        if !name.isEmpty { unsafe made.pointee.name = UnsafePointer(sy_copy_string(name)) }
        state = .active
        host.started(self)
    }

    /// On the new stack.
    func run() {}

    /// The nearest ancestor that has not ended.
    var heir: FiberCore {
        var ancestor = parent?.core
        while let candidate = ancestor {
            if candidate.state != .dead { return candidate }
            ancestor = candidate.parent?.core
        }
        return unsafe host.main
    }

    /// Ends a pending fiber with an error, which goes to its parent; pending parents end as well.
    ///
    /// - Returns: The ancestor that gets the error.
    func failUnstarted() -> FiberCore {
        var fiber = self
        while fiber.state == .pending {
            fiber.state = .dead
            fiber.dropBody()
            fiber = fiber.heir
        }
        return fiber
    }

    func dropBody() {}

    // MARK: Ending

    /// The last act on the fiber's stack: hands the outcome to the heir, to which control goes when the entry returns.
    final func finish<Message>(_ outcome: Result<Message, any Error>) {
        state = .dead
        host.ended(self)
        let target: FiberCore
        if let returnsTo {
            target = returnsTo
            if case .failure(let error) = outcome, !(error is GreenletExit) {
                Reporter.report(.message("\(summary) ended with an error while it was being unwound: \(error)"))
            }
        } else {
            target = deliver(outcome)
        }
        // Control goes to the heir; it stays alive although this fiber, which kept it, is gone.
        host.resumed = target.handle
        host.previous = self
        parent = nil
        returnsTo = nil
        host.adoptJob(target)
        unsafe sy_context_set_exit_target(context!, target.context!, nil)
    }

    private final func deliver<Message>(_ outcome: Result<Message, any Error>) -> FiberCore {
        do {
            let message = try outcome.get()
            let target = heir
            try target.prepare(for: Message.self, from: self)
            target.put(message)
            return target
        } catch {
            let target = heir.failUnstarted()
            target.arrival = error is GreenletExit ? .exited : .failure(error)
            return target
        }
    }

    /// From another stack, after the fiber has ended.
    final func releaseStack() {
        guard let context = unsafe context else { return }
        unsafe self.context = nil
        unsafe Hub.destroy(context)
    }

    /// Gives up on a fiber that refuses to unwind.
    final func abandon() {
        guard let context = unsafe context else { return }
        state = .dead
        host.ended(self)
        unsafe self.context = nil
        unsafe sy_context_abandon(context)
    }

    /// Suspended, and nobody can resume it any more.
    final var isUnreachable: Bool { state == .active && handle == nil && returnsTo == nil && !isMain && !isRunning }

    /// From any thread.
    final func handleDropped() {
        if isMain || host.isOver { return }
        if let here = FiberHost.existingFiber, here.host === host {
            if isUnreachable { host.unwind(self, from: here) }
        } else {
            host.drop(self)
        }
    }
}

/// Where a message waits for the fiber that it was sent to.
private final class Slot<Message> {
    var message: Message?
}
