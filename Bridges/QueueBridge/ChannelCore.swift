// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// Runs a channel's state machine under a lock, and does what it answers with nothing held.
// SAFETY: the state is behind a lock, the rest is immutable.
@usableFromInline
final class ChannelCore<Element: Sendable>: _Node, @unchecked Sendable {
    @usableFromInline let name: String
    @usableFromInline let state = BiasedLock(ChannelState<Element>())

    @usableFromInline let confinement: Confinement?

    init(name: String, confinement: Confinement?) {
        self.name = name
        self.confinement = confinement
        super.init()
    }

    override public var _confinement: ObjectIdentifier? { confinement.map { ObjectIdentifier($0.loop) } }

    @inlinable
    @inline(__always)
    func checkPlace(_ operation: StaticString) throws {
        if let confinement { try confinement.check("\(operation)", on: name) }
    }

    /// Sends; if that has to wait, there is a future.
    @inlinable
    @inline(never)
    func send(_ parcel: ChannelState<Element>.Parcel) throws -> _Run<Void> {
        try checkPlace("a send")
        let (send, waiter) = state.withLock { state -> (ChannelState<Element>.Send, Future<Void>?) in
            let send = state.send()
            guard case .alone = send else { return (send, nil) }
            let waiter = makeWaiter(Void.self)
            state.wait(Waiter(waiter), with: parcel)
            return (send, waiter)
        }
        try finish(send, parcel)
        return waiter.map { .future($0) } ?? .value(())
    }

    /// The same for who waits: without a future, if that is a greenlet.
    @inlinable
    @inline(never)
    func send(_ parcel: ChannelState<Element>.Parcel, waiting timeout: Duration?) throws {
        try checkPlace("a send")
        guard let wait = try _DirectWait(timeout: timeout) else { return try send(parcel).wait(timeout: timeout) }
        var place = WaitingGreenlet<Void>.Place(wait)
        return try unsafe withUnsafeMutablePointer(to: &place) { place in
            let greenlet = unsafe WaitingGreenlet(at: place)
            let (send, preference) = state.withLock { state in
                let send = state.send()
                if case .alone = send { state.wait(.greenlet(greenlet), with: parcel) }
                return (send, state.preference)
            }
            if try finish(send, parcel, firstOn: preference == .receiver ? wait : nil) {
                if preference != .sender { wait.letOthersRun() }
            } else {
                try greenlet.wait(in: self, for: "a send") { state.withLock { $0.leave(sender: greenlet) } != nil }
            }
        }
    }

    /// With the lock released: false if nobody was there to receive.
    @inlinable
    @inline(__always)
    @discardableResult
    func finish(
        _ send: ChannelState<Element>.Send,
        _ parcel: ChannelState<Element>.Parcel,
        firstOn host: _DirectWait? = nil
    ) throws -> Bool {
        switch send {
        case .met(let receiver): receiver.settle(parcel, firstOn: host)
        case .alone: return false
        case .refused: throw closed("a send")
        }
        return true
    }

    @inlinable
    @inline(never)
    func trySend(_ parcel: ChannelState<Element>.Parcel) throws -> Bool {
        try checkPlace("a send")
        return try finish(state.withLock { $0.send() }, parcel)
    }

    /// Receives; if that has to wait, there is a future.
    @inlinable
    @inline(never)
    func receive() throws -> _Run<Element> {
        try checkPlace("a receive")
        let (receive, waiter) = state.withLock { state -> (ChannelState<Element>.Receive, Future<Element>?) in
            let receive = state.receive()
            guard case .alone = receive else { return (receive, nil) }
            let waiter = makeWaiter(Element.self)
            state.wait(Waiter(waiter))
            return (receive, waiter)
        }
        if let waiter { return .future(waiter) }
        return .value(try finish(receive)!)
    }

    /// The same for who waits: without a future, if that is a greenlet.
    @inlinable
    @inline(never)
    func receive(waiting timeout: Duration?) throws -> Element {
        try checkPlace("a receive")
        guard let wait = try _DirectWait(timeout: timeout) else { return try receive().wait(timeout: timeout) }
        var place = WaitingGreenlet<Element>.Place(wait)
        return try unsafe withUnsafeMutablePointer(to: &place) { place in
            let greenlet = unsafe WaitingGreenlet(at: place)
            let (receive, preference) = state.withLock { state in
                let receive = state.receive()
                if case .alone = receive { state.wait(.greenlet(greenlet)) }
                return (receive, state.preference)
            }
            if case .alone = receive {
                return try greenlet.wait(in: self, for: "a receive") { state.withLock { $0.leave(receiver: greenlet) } }
            }
            defer { if case .met = receive, preference != .receiver { wait.letOthersRun() } }
            return try finish(receive, firstOn: preference == .sender ? wait : nil)!
        }
    }

    /// With the lock released: nil if nobody was there to send.
    @inlinable
    @inline(__always)
    func finish(_ receive: ChannelState<Element>.Receive, firstOn host: _DirectWait? = nil) throws -> Element? {
        switch receive {
        case .met(let sender, let parcel):
            sender.settle(.success(()), firstOn: host)
            return try parcel.get()
        case .returned(let element): return element
        case .alone: return nil
        case .refused: throw closed("a receive")
        }
    }

    @inlinable
    @inline(never)
    func tryReceive() throws -> Element? {
        try checkPlace("a receive")
        return try finish(state.withLock { $0.receive() })
    }

    func putBack(_ element: Element) { state.withLock { $0.putBack(element) }?.settle(.success(element)) }

    func close(wasReleased: Bool = false) {
        state.withLock { $0.isClosed = true }
        while let sender = state.withLock({ $0.refuseNextSender() }) {
            sender.waiter.settle(.failure(closed("a send", wasReleased: wasReleased)))
        }
        while let receiver = state.withLock({ $0.refuseNextReceiver() }) {
            receiver.settle(.failure(closed("a receive", wasReleased: wasReleased)))
        }
    }

    func release() {
        // Nothing that begins in a `deinit` runs observers on its stack.
        if state.withLock({ $0.isAwaited }) { Drain.shared.post { [self] in close(wasReleased: true) } }
    }

    @usableFromInline
    func closed(_ operation: String, wasReleased: Bool = false) -> QueueClosed {
        QueueClosed(name, operation, wasReleased: wasReleased)
    }

    @inlinable
    func makeWaiter<Value: Sendable>(_ type: Value.Type) -> Future<Value> {
        let future = Future<Value>.pending()
        future._setHolder(self)
        return future
    }

    func leave(_ future: _FutureCore) {
        let parcel = state.withLock { $0.leave(future) }
        _ = consume parcel
    }

    override public func _takeCanceller(of future: _FutureCore) -> (@Sendable () -> CancellationAnswer)? {
        {
            self.leave(future)
            // Whoever would meet it finds the request, and passes on to the next.
            return .stopped
        }
    }

    override public var _summary: String { name }
}
