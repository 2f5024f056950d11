// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// A stack of its own, entered and left by explicit switches: what the Python package greenlet calls a greenlet.
///
/// Nothing schedules a fiber. A switch gives control and a message to another fiber, and comes back with the message of
/// whoever switches back:
///
///     let doubler = Fiber<Int> { first in
///         var next = first
///         while next < 100 { next = try Fiber.current.parent!.switch(next * 2) }
///         return next
///     }
///     try doubler.switch(1)      // 2
///     try doubler.switch(5)      // 10
///     try doubler.switch(200)    // 200: the body has returned
///
/// Code outside of all fibers is the *main* fiber of its thread or greenlet. When a body ends, control goes to its parent
/// with the result; what it throws is thrown there. When the last reference to a suspended fiber is dropped, `GreenletExit`
/// is thrown at its switch, so that it unwinds.
///
/// A fiber runs as part of the task, greenlet or thread that switches to it, but is none of them: `wait()` in it blocks a
/// plain thread and throws `WouldDeadlock` elsewhere. A task-local binding must not be open across a switch in a task.
///
/// - Executor: The thread it was made on, and there only among the fibers of one greenlet, or outside of all greenlets.
/// - Errors: ``FiberError`` where it cannot be switched to.
@safe
public struct Fiber<Message> {
    let handle: FiberHandle

    private var core: FiberCore { handle.core }

    /// Makes a fiber. The body has not run.
    ///
    /// - Parameters:
    ///   - name: For diagnostics.
    ///   - stackSize: Usable bytes; 0 for 256 KiB. The stack is made at the first switch.
    ///   - parent: Where control goes when the body ends; nil for the fiber that is running.
    ///   - body: Gets the first message. Released with its captures when it returns.
    public init(
        name: String? = nil,
        stackSize: Int = 0,
        parent: Fiber? = nil,
        _ body: @escaping (Message) throws -> Message
    ) {
        let here = FiberHost.currentFiber
        let core = TypedFiber(
            host: parent?.core.host ?? here.host,
            name: name ?? "",
            stackSize: stackSize,
            parent: parent?.handle ?? here.sharedHandle,
            body: body
        )
        handle = core.sharedHandle
    }

    private init(_ handle: FiberHandle) { self.handle = handle }

    /// The fiber that is running: the main one outside of all others. Never fails.
    public static var current: Fiber { Fiber(FiberHost.currentFiber.sharedHandle) }

    /// The main fiber: the code outside of all fibers of this thread, or of this greenlet.
    public static var main: Fiber { Fiber(FiberHost.currentFiber.host.mainFiber.sharedHandle) }

    // MARK: Switching

    /// Gives control to this fiber, with a message: the body's argument, or the result of the switch it is suspended in.
    ///
    /// Returns when somebody switches back to the caller. A switch to oneself returns the message at once.
    ///
    /// - Errors: What is thrown into the caller, and what a body throws whose parent the caller is; `GreenletExit` if the
    ///   fiber that was to answer was killed; ``FiberError``.
    @available(*, noasync, message: "an await may leave the thread; switch in synchronous code")
    @discardableResult
    public func `switch`(_ message: Message) throws -> Message {
        let here = try core.caller()
        if core === here { return message }
        try core.prepare(for: Message.self, from: here)
        here.expect(Message.self)
        core.put(message)
        here.host.transfer(from: here, to: core)
        guard let answer = try here.take(Message.self) else { throw GreenletExit() }
        return answer
    }

    /// Throws an error at the switch the fiber is suspended in.
    ///
    /// A pending fiber ends without having run, and the error goes to its parent. Throwing `GreenletExit` into a dead one
    /// does nothing.
    ///
    /// - Returns: The message that came back; nil if the fiber has ended by `GreenletExit`.
    /// - Errors: As ``switch(_:)``.
    @available(*, noasync, message: "an await may leave the thread; switch in synchronous code")
    @discardableResult
    public func `throw`(_ error: any Error = GreenletExit()) throws -> Message? {
        let here = try core.caller()
        if core === here { throw error }
        var target = core
        switch target.state {
        case .dead:
            if error is GreenletExit { return nil }
            throw FiberError(.dead, target)
        case .active:
            if target.isUnwindingOther { throw FiberError(.unwinding, target) }
            target.arrival = .failure(error)
        case .pending:
            target = target.failUnstarted()
            if target === here {
                if error is GreenletExit { return nil }
                throw error
            }
            target.arrival = error is GreenletExit ? .exited : .failure(error)
        }
        here.expect(Message.self)
        here.host.transfer(from: here, to: target)
        return try here.take(Message.self)
    }

    // MARK: State

    /// The body has not begun.
    public var isPending: Bool { core.state == .pending }

    /// The body has begun and has not ended. The main fiber is active as long as its thread or greenlet lives.
    public var isActive: Bool { core.state == .active }

    /// The body has ended, or will never begin.
    public var isDead: Bool { core.state == .dead }

    /// Where control goes when the body ends; nil for a main fiber.
    public var parent: Fiber? {
        if let dropper = core.returnsTo { return Fiber(dropper.sharedHandle) }
        return core.parent.map { Fiber($0) }
    }

    /// Changes the parent.
    ///
    /// - Errors: ``FiberError`` if the new one is a descendant, is of another thread or greenlet, or if this is a main fiber.
    public func setParent(_ new: Fiber) throws {
        guard new.core.host === core.host else {
            throw FiberError(.foreignThread, new.core, places: "\(new.core.host.place), not to \(core.host.place)")
        }
        var ancestor: FiberCore? = new.core
        while let candidate = ancestor {
            if candidate === core || core.isMain { throw FiberError(.cyclicParents, core) }
            ancestor = candidate.parent?.core
        }
        core.parent = new.handle
    }
}

@available(*, unavailable, message: "a fiber stays on the thread it was made on")
extension Fiber: Sendable {}

extension Fiber: Equatable {
    /// The same fiber.
    public static func == (a: Fiber, b: Fiber) -> Bool { a.core === b.core }
}

extension Fiber: CustomStringConvertible {
    /// Its name, what it does, and where it belongs.
    public var description: String { core.summary }
}

/// A fiber with a body.
private final class TypedFiber<Message>: FiberCore {
    private var body: ((Message) throws -> Message)?

    init(
        host: FiberHost,
        name: String,
        stackSize: Int,
        parent: FiberHandle,
        body: @escaping (Message) throws -> Message
    ) {
        self.body = body
        super.init(host: host, name: name, stackSize: stackSize, parent: parent)
        expect(Message.self)
    }

    override func dropBody() { body = nil }

    override func run() { finish(execute()) }

    /// Everything the body captured is released when this returns.
    private func execute() -> Result<Message, any Error> {
        Result {
            guard let first = try take(Message.self), let body else { throw GreenletExit() }
            self.body = nil
            return try body(first)
        }
    }
}
