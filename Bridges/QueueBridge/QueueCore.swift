// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// Runs a queue's state machine under a lock, and does what it answers with nothing held.
///
/// Waiting futures hold the core, the queue's users hold the `Queue`: so it shows when nobody can end a wait any more.
// SAFETY: the state is behind a lock, the rest is immutable.
@usableFromInline
final class QueueCore<Element: Sendable>: _Node, @unchecked Sendable {
    @usableFromInline let name: String
    @usableFromInline let state: BiasedLock<QueueState<Element>>

    @usableFromInline let confinement: Confinement?

    init(name: String, capacity: Int, order: QueueOrder<Element>, confinement: Confinement?) {
        self.name = name
        self.confinement = confinement
        state = BiasedLock(QueueState(capacity: capacity, order: order))
        super.init()
    }

    override public var _confinement: ObjectIdentifier? { confinement.map { ObjectIdentifier($0.loop) } }

    @inlinable
    @inline(__always)
    func checkPlace(_ operation: StaticString) throws {
        if let confinement { try confinement.check("\(operation)", on: name) }
    }

    // MARK: Operations

    /// Puts an element; if that has to wait, there is a future.
    @inlinable
    @inline(never)
    func put(_ element: Element) throws -> _Run<Void> {
        try checkPlace("a put")
        let (put, waiter) = state.withLock { state -> (QueueState<Element>.Put, Future<Void>?) in
            let put = state.put(element)
            guard case .full = put else { return (put, nil) }
            let waiter = makeWaiter(Void.self)
            state.wait(Waiter(waiter), with: element)
            return (put, waiter)
        }
        try finish(put)
        return waiter.map { .future($0) } ?? .value(())
    }

    /// The same for who waits: without a future, if that is a greenlet.
    @inlinable
    @inline(never)
    func put(_ element: Element, waiting timeout: Duration?) throws {
        try checkPlace("a put")
        guard let wait = try _DirectWait(timeout: timeout) else { return try put(element).wait(timeout: timeout) }
        var place = WaitingGreenlet<Void>.Place(wait)
        return try unsafe withUnsafeMutablePointer(to: &place) { place in
            let greenlet = unsafe WaitingGreenlet(at: place)
            let put = state.withLock { state in
                let put = state.put(element)
                if case .full = put { state.wait(.greenlet(greenlet), with: element) }
                return put
            }
            if try !finish(put) {
                try greenlet.wait(in: self, for: "a put") { state.withLock { $0.leave(putter: greenlet) } != nil }
            }
        }
    }

    /// With the lock released: false if the element has still to be put.
    @inlinable
    @inline(__always)
    @discardableResult
    func finish(_ put: QueueState<Element>.Put) throws -> Bool {
        switch put {
        case .accepted(let settlement): settle(settlement)
        case .full: return false
        case .refused: throw QueueClosed(name, "a put")
        }
        return true
    }

    @inlinable
    @inline(never)
    func tryPut(_ element: Element) throws -> Bool {
        try checkPlace("a put")
        return try finish(state.withLock { $0.put(element) })
    }

    /// Takes the next element; if that has to wait, there is a future.
    @inlinable
    @inline(never)
    func get() throws -> _Run<Element> {
        try checkPlace("a get")
        let (get, waiter) = state.withLock { state -> (QueueState<Element>.Get, Future<Element>?) in
            let get = state.get()
            guard case .empty = get else { return (get, nil) }
            let waiter = makeWaiter(Element.self)
            state.wait(Waiter(waiter))
            return (get, waiter)
        }
        if let waiter { return .future(waiter) }
        return .value(try finish(get)!)
    }

    /// The same for who waits: without a future, if that is a greenlet.
    @inlinable
    @inline(never)
    func get(waiting timeout: Duration?) throws -> Element {
        try checkPlace("a get")
        guard let wait = try _DirectWait(timeout: timeout) else { return try get().wait(timeout: timeout) }
        var place = WaitingGreenlet<Element>.Place(wait)
        return try unsafe withUnsafeMutablePointer(to: &place) { place in
            let greenlet = unsafe WaitingGreenlet(at: place)
            let get = state.withLock { state in
                let get = state.get()
                if case .empty = get { state.wait(.greenlet(greenlet)) }
                return get
            }
            if let element = try finish(get) { return element }
            return try greenlet.wait(in: self, for: "a get") { state.withLock { $0.leave(getter: greenlet) } }
        }
    }

    /// With the lock released: nil if there was no element.
    @inlinable
    @inline(__always)
    func finish(_ get: QueueState<Element>.Get) throws -> Element? {
        switch get {
        case .element(let element, let settlement):
            settle(settlement)
            return element
        case .empty: return nil
        case .refused: throw QueueClosed(name, "a get")
        }
    }

    @inlinable
    @inline(never)
    func tryGet() throws -> Element? {
        try checkPlace("a get")
        return try finish(state.withLock { $0.get() })
    }

    func putBack(_ element: Element) {
        switch state.withLock({ $0.putBack(element) }) {
        case .settlements(let settlements): settle(settlements)
        case .dropped: settle(state.withLock { $0.finishJoiners() })
        }
    }

    func join() -> Future<Void> {
        let waiter = state.withLock { state -> Future<Void>? in
            if state.unfinished == 0 { return nil }
            let waiter = makeWaiter(Void.self)
            state.wait(joiner: Waiter(waiter))
            return waiter
        }
        return waiter ?? .succeeded(())
    }

    func taskDone() throws {
        guard let settlements = state.withLock({ $0.taskDone() }) else {
            throw ReleasedTooOften("taskDone() was called more often on \(name) than elements were put")
        }
        settle(settlements)
    }

    func close(immediately: Bool) {
        let dropped = state.withLock { $0.close(immediately: immediately) }
        _ = consume dropped
        refuse()
        settle(state.withLock { $0.finishJoiners() })
    }

    /// The last owner has let go.
    func release() {
        let isAwaited = state.withLock { state in
            _ = state.close(immediately: false)
            return state.isAwaited
        }
        if !isAwaited { return }
        // Nothing that begins in a `deinit` runs observers on its stack.
        Drain.shared.post { [self] in
            refuse(wasReleased: true)
            settle(state.withLock { $0.refuseJoiners() }, wasReleased: true)
        }
    }

    private func refuse(wasReleased: Bool = false) {
        while let (settlement, _) = state.withLock({ $0.refuseNext() }) { settle(settlement, wasReleased: wasReleased) }
    }

    // MARK: Waiters

    @inlinable
    func makeWaiter<Value: Sendable>(_ type: Value.Type) -> Future<Value> {
        let future = Future<Value>.pending()
        future._setHolder(self)
        return future
    }

    override public func _takeCanceller(of future: _FutureCore) -> (@Sendable () -> CancellationAnswer)? {
        {
            self.leave(future)
            // Whoever would hand something over finds the request, and passes on to the next.
            return .stopped
        }
    }

    func leave(_ future: _FutureCore) {
        let element = state.withLock { $0.leave(future) }
        _ = consume element
    }

    override public var _summary: String { name }

    private func settle(_ settlements: some Sequence<QueueState<Element>.Settlement>, wasReleased: Bool = false) {
        for settlement in settlements { settle(settlement, wasReleased: wasReleased) }
    }

    @inlinable
    func settle(_ settlement: QueueState<Element>.Settlement?) {
        switch settlement {
        case .element(let getter, let element): getter.settle(.success(element))
        case .done(let putter): putter.settle(.success(()))
        case let refused?: settle(refused, wasReleased: false)
        case nil: break
        }
    }

    @usableFromInline
    func settle(_ settlement: QueueState<Element>.Settlement, wasReleased: Bool) {
        switch settlement {
        case .element(let getter, let element): getter.settle(.success(element))
        case .done(let putter): putter.settle(.success(()))
        case .refusedGetter(let getter):
            getter.settle(.failure(QueueClosed(name, "a get", wasReleased: wasReleased)))
        case .refusedPutter(let putter):
            putter.settle(
                .failure(QueueClosed(name, wasReleased ? "a put or join" : "a put", wasReleased: wasReleased))
            )
        }
    }
}
