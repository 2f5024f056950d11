// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// Runs a channel's state machine under a lock, and does what it answers with nothing held.
// SAFETY: the state is behind a lock, the rest is immutable.
@usableFromInline
final class ChannelCore<Element: Sendable>: _Node, @unchecked Sendable {
    @usableFromInline let name: String
    @usableFromInline let state = Futures.Lock(ChannelState<Element>())

    init(name: String) {
        self.name = name
        super.init()
    }

    @inlinable
    func send(_ parcel: ChannelState<Element>.Parcel) -> Future<Void> {
        let (send, waiter) = state.withLock { state -> (ChannelState<Element>.Send, Future<Void>?) in
            let send = state.send()
            guard case .alone = send else { return (send, nil) }
            let waiter = makeWaiter(Void.self)
            state.wait(.future(waiter), with: parcel)
            return (send, waiter)
        }
        if let waiter { return waiter }
        guard case .met(let receiver) = send else { return .failed(closed("a send")) }
        return meet(.receiver, { receiver.settle(parcel) }, .succeeded(()))
    }

    @inlinable
    func trySend(_ parcel: ChannelState<Element>.Parcel) throws -> Bool {
        switch state.withLock({ $0.send() }) {
        case .met(let receiver):
            receiver.settle(parcel)
            return true
        case .alone: return false
        case .refused: throw closed("a send")
        }
    }

    @inlinable
    func receive() -> Future<Element> {
        let (receive, waiter) = state.withLock { state -> (ChannelState<Element>.Receive, Future<Element>?) in
            let receive = state.receive()
            guard case .alone = receive else { return (receive, nil) }
            let waiter = makeWaiter(Element.self)
            state.wait(.future(waiter))
            return (receive, waiter)
        }
        if let waiter { return waiter }
        guard case .met(let sender, let parcel) = receive else { return .failed(closed("a receive")) }
        return meet(.sender, { sender.settle(.success(())) }, Future(completed: parcel))
    }

    /// Wakes the one who waited, and says whether the one who came goes on or lets others run.
    @inlinable
    func meet<Value>(
        _ woken: ChannelPreference,
        _ wake: () -> Void,
        _ result: Future<Value>
    ) -> Future<Value> {
        let preferred = state.withLock { $0.preference }
        // SAFETY: the greenlet that runs is alive.
        if preferred == woken, let parker = unsafe WaitContext.runningParker {
            unsafe parker._withUnsafeGuaranteedRef { $0._wakingNext(wake) }
        } else {
            wake()
        }
        if preferred == woken || preferred == .neither { result._yieldWhenWaitedFor() }
        return result
    }

    @inlinable
    func tryReceive() throws -> Element? {
        switch state.withLock({ $0.receive() }) {
        case .met(let sender, let parcel):
            sender.settle(.success(()))
            return try parcel.get()
        case .alone: return nil
        case .refused: throw closed("a receive")
        }
    }

    func close(wasReleased: Bool = false) {
        let (senders, receivers) = state.withLock { $0.close() }
        for sender in senders { sender.settle(.failure(closed("a send", wasReleased: wasReleased))) }
        for receiver in receivers { receiver.settle(.failure(closed("a receive", wasReleased: wasReleased))) }
    }

    func release() {
        // Nothing that begins in a `deinit` runs observers on its stack.
        if state.withLock({ $0.balance }) != 0 { Drain.shared.post { [self] in close(wasReleased: true) } }
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
