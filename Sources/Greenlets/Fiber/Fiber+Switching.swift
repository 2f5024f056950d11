// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

extension Fiber {
    /// Gives control to this fiber, with a message: the body's argument, or the result of the switch it is suspended in.
    ///
    /// Returns when somebody switches back to the caller. A switch to oneself returns the message at once. What is sent to
    /// a fiber that has ended goes to its nearest ancestor that has not, which may be the caller (greenlet: switch).
    ///
    /// - Executor: The fiber's thread, on a stack of the same thread or greenlet.
    /// - Errors: What is thrown into the caller, and what a body throws whose parent the caller is; ``FiberError``, also when
    ///   the fiber that was to answer was killed (its reason is `exited`): see ``switchOrExit(_:)``. Where the
    ///   switch itself is refused, nothing has changed.
    /// - Complexity: O(1).
    @available(*, noasync, message: "an await may leave the thread; switch in synchronous code")
    @discardableResult
    public func `switch`(_ message: Message) throws -> Message {
        // An exit is an error here.
        try core.exchange(message, exitIsError: true)!
    }

    /// As ``switch(_:)``, for those who reckon with kills.
    ///
    /// - Returns: nil if the fiber that was to answer has ended by `GreenletExit` (greenlet: the value GreenletExit).
    /// - Errors: As ``switch(_:)``.
    @available(*, noasync, message: "an await may leave the thread; switch in synchronous code")
    @discardableResult
    public func switchOrExit(_ message: Message) throws -> Message? {
        try core.exchange(message, exitIsError: false)
    }

    /// Throws an error at the switch the fiber is suspended in.
    ///
    /// A pending fiber ends without having run. Its error goes to its parent, as does one that is thrown into a fiber that
    /// has ended: to the nearest ancestor that is active, while those between that are pending end as well. `GreenletExit`
    /// is no error there, but an answer that does not come (greenlet: throw).
    ///
    /// - Executor: As ``switch(_:)``.
    /// - Returns: The message that came back; nil if the fiber that was to answer has ended by `GreenletExit`.
    /// - Errors: As ``switch(_:)``, but for exits.
    @available(*, noasync, message: "an await may leave the thread; switch in synchronous code")
    @discardableResult
    public func `throw`(_ error: any Error = GreenletExit()) throws -> Message? {
        let here = try core.caller()
        if core === here { throw error }
        var target = core
        let isPending = core.state == .pending
        defer { if isPending { core.forgetParents() } }
        var arrival = FiberCore.Arrival.failure(error)
        if target.state != .active {
            target = (target.state == .dead ? target.heir : target).failUnstarted()
            if error is GreenletExit { arrival = .exited(core) }
            if target === here {
                if error is GreenletExit { return nil }
                throw error
            }
        }
        if target.isUnwindingOther { throw FiberError(.unwinding, target) }
        target.arrival = arrival
        here.expect(Message.self)
        here.host.transfer(from: here, to: target)
        return try here.take(Message.self, exitIsError: false)
    }
}

extension Fiber where Message == Void {
    /// Gives control to this fiber; see ``switch(_:)``.
    ///
    /// - Errors: As there.
    @available(*, noasync, message: "an await may leave the thread; switch in synchronous code")
    public func `switch`() throws { try self.switch(()) }
}

extension FiberCore {
    /// Sends a message and waits for one: nil if who was to answer has ended by `GreenletExit`.
    @inline(__always)
    final func exchange<Message>(_ message: Message, exitIsError: Bool) throws -> Message? {
        let here = try caller()
        let target = state == .dead ? heir : self
        if target === here { return message }
        try target.prepare(for: Message.self, from: here)
        here.expect(Message.self)
        target.put(message)
        here.host.transfer(from: here, to: target)
        return try here.take(Message.self, exitIsError: exitIsError)
    }
}
