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
/// with the result; what it throws is thrown there. A parent that has ended as well passes both on to its own. When the
/// last reference to a suspended fiber is dropped, `GreenletExit` is thrown at its switch, so that it unwinds. A fiber whose
/// own frames hold the last reference is never dropped: hold no `Fiber.current` across a switch.
///
/// A fiber runs as part of the task, greenlet or thread that switches to it, but is none of them: `wait()` in it blocks a
/// plain thread and throws `WouldDeadlock` elsewhere. A task-local binding must not be open across a switch in a task.
///
/// - Executor: The thread it was made on, and there only among the fibers of one greenlet, or outside of all greenlets.
/// - Cancellation: None of its own: throw ``GreenletExit`` into it, or drop it. A kill of the greenlet it runs on reaches
///   that greenlet's next wait.
/// - Errors: ``FiberError`` where it cannot be switched to.
/// - Complexity: A switch is O(1), its parent's search for one that lives included unless many have ended in a row.
@safe
public struct Fiber<Message> {
    let handle: FiberHandle

    var core: FiberCore { handle.core }

    /// Makes a fiber. The body has not run (greenlet: greenlet(run, parent)).
    ///
    /// - Executor: The calling thread's, or the parent's; inside a greenlet that greenlet's.
    /// - Errors: None: what the stack needs is asked for at the first switch.
    /// - Complexity: O(1).
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

    init(_ handle: FiberHandle) { self.handle = handle }

    /// The fiber that is running: the main one outside of all others (greenlet: getcurrent). Never fails, whatever the type of the
    /// messages: a switch with one of another type is refused.
    ///
    /// - Executor: Of the calling thread or greenlet.
    public static var current: Fiber { Fiber(FiberHost.currentFiber.sharedHandle) }

    /// The main fiber: the code outside of all fibers of this thread, or of this greenlet.
    public static var main: Fiber { Fiber(FiberHost.currentFiber.host.mainFiber.sharedHandle) }

    // MARK: State

    /// The body has not begun. From any thread, like the others of this kind.
    public var isPending: Bool { core.state == .pending }

    /// The body has begun and has not ended. The main fiber is active as long as its thread or greenlet lives.
    public var isActive: Bool { core.state == .active }

    /// The body has ended, or will never begin.
    public var isDead: Bool { core.state == .dead }

    /// Where control goes when the body ends; nil for a main fiber. A fiber that has ended still knows its parent, and one that
    /// unwinds because it was dropped has its dropper for one (greenlet: parent).
    ///
    /// - Executor: The fiber's thread, or any once that has ended; anywhere else the process stops.
    public var parent: Fiber? {
        core.checkThread("its parent")
        if let dropper = core.returnsTo { return Fiber(dropper.sharedHandle) }
        return core.parentCore.map { Fiber($0.sharedHandle) }
    }

    /// Changes the parent, which counts from the next time that control goes there. Also of a fiber that has ended: messages
    /// to it go to the new parent (greenlet: parent).
    ///
    /// - Errors: ``FiberError`` if the new one is a descendant, if one of the two is of another thread or greenlet than the
    ///   caller, or if this is a main fiber; nothing has changed then.
    /// - Complexity: O(ancestors of the new one).
    public func setParent(_ new: Fiber) throws { try core.setParent(new.handle) }

    /// The same for a parent with messages of another type, which has to wait for one of this type when the body ends.
    ///
    /// - Errors: As for a parent with messages of the same type.
    /// - Complexity: As there.
    public func setParent<Other>(_ new: Fiber<Other>) throws { try core.setParent(new.handle) }
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
