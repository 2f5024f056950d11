// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
import CStackSwitch
import Futures
import Synchronization

/// Keeps a fiber alive; when the last one of a suspended fiber goes, the fiber unwinds (greenlet: the last reference).
final class FiberHandle {
    let core: FiberCore

    init(_ core: FiberCore) { self.core = core }

    deinit { core.handleDropped() }
}

/// What a fiber is, apart from the type of its messages. Owned by its handle and, once started, by its own stack.
@safe
class FiberCore {
    enum State: UInt8 { case pending, active, dead }

    /// What a suspended fiber wakes up with.
    enum Arrival {
        case none
        /// In the slot.
        case message
        case failure(any Error)
        /// The fiber that was to answer has ended by `GreenletExit`.
        case exited(FiberCore)
    }

    let host: FiberHost
    let name: String
    let id = Hub.nextIdentifiers()
    private let stackSize: Int
    var context: UnsafeMutablePointer<sy_context>?
    /// Written on the host's thread, read on any.
    private let stateWord = Atomic(State.pending.rawValue)
    final var state: State {
        get { State(rawValue: stateWord.load(ordering: .relaxed))! }
        set { stateWord.store(newValue.rawValue, ordering: .relaxed) }
    }
    var parent: FiberHandle?
    /// The parent where it is known but not kept from being dropped: that of one that has ended, and of a generator's. A fiber
    /// whose frames hold such a child does not hold itself that way.
    var formerParent: FiberCore?
    final var parentCore: FiberCore? { parent?.core ?? formerParent }
    weak var handle: FiberHandle?
    /// The type of message that can be delivered now.
    private(set) var expects = ObjectIdentifier(Never.self)
    private var slot: AnyObject?
    var arrival = Arrival.none
    /// While it unwinds because it was dropped: who waits for that.
    var returnsTo: FiberCore?
    private var trampoline: UnsafeMutablePointer<sy_trampoline>?
    #if DEBUG
    final var marks = FiberMarks()
    #endif
    /// Fiber-local values and the context, if it uses any.
    var storage: GreenletStorage?

    init(host: FiberHost, name: String, stackSize: Int, parent: FiberHandle?) {
        self.host = host
        self.name = name
        self.stackSize = stackSize
        self.parent = parent
    }

    deinit {
        releaseParents()
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
            case .active: isRunning ? "running" : unsafe sy_carrier_current() == host.carrier ? "suspended" : "active"
            case .dead: "dead"
            }
        let title = isMain ? "main fiber" : "fiber \(displayName)"
        return "\(title) (\(doing)) of \(host.place)\(host.isOver ? ", which has ended" : "")"
    }

    var isRunning: Bool { FiberHost.existingFiber === self }

    /// The one handle; made anew for a fiber that runs after its last one has gone.
    var sharedHandle: FiberHandle {
        if let handle { return handle }
        let new = FiberHandle(self)
        handle = new
        return new
    }

    final func setParent(_ new: FiberHandle) throws {
        _ = try caller()
        _ = try new.core.caller()
        if isMain { throw FiberError(.main, self) }
        var ancestor: FiberCore? = new.core
        while let candidate = ancestor {
            if candidate === self { throw FiberError(.cyclicParents, self) }
            ancestor = candidate.parentCore
        }
        parent = new
        formerParent = nil
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
    func take<Message>(_ type: Message.Type, exitIsError: Bool) throws -> Message? {
        let arrived = arrival
        arrival = .none
        var message: Message?
        if case .message = arrived {
            // SAFETY: see `put`.
            let slot = unsafe unsafeDowncast(slot!, to: Slot<Message>.self)
            message = slot.message
            slot.message = nil
        }
        do { try host.arrived(self, with: arrived) } catch {
            reportDisplaced(arrived, by: error)
            throw error
        }
        switch arrived {
        case .failure(let error): throw error
        case .exited(let other) where exitIsError: throw FiberError(.exited, other)
        default: return message
        }
    }

    /// A tracer has failed.
    private func reportDisplaced(_ arrival: Arrival, by error: any Error) {
        let lost =
            switch arrival {
            case .none: "nothing"
            case .message: "a message"
            case .failure(let error): "the error \(error)"
            case .exited(let other): "the end of \(other.displayName)"
            }
        Reporter.report(
            .message(
                "the tracer of \(host.place) failed and was removed; in its place \(summary) lost \(lost): \(error)"
            )
        )
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

    /// The process stops where what a fiber's thread may change at any moment is looked at from another one.
    final func checkThread(_ what: String) {
        if host.isOver { return }
        if unsafe sy_carrier_current() == host.carrier { return }
        // Not a precondition: release builds keep the words of fatal errors only.
        fatalError("Asked for \(what), \(summary) is not on this thread, which is \(FiberHost.threadName).")
    }

    /// Makes sure that a message of this type can be delivered.
    func prepare<Message>(for type: Message.Type, from here: FiberCore) throws {
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

    func dropBody() {}
}

/// Where a message waits for the fiber that it was sent to.
private final class Slot<Message> {
    var message: Message?
}
