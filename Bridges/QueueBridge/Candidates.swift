// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// The state of a queue or channel that is locked, shared by the cases that name it.
@safe
// SAFETY: set and used by the one thread that holds the lock.
private final class Locked<State>: @unchecked Sendable {
    @exclusivity(unchecked) private var pointer: UnsafeMutablePointer<State>?

    var isLocked: Bool { unsafe pointer != nil }

    /// The state, while it is locked.
    var state: State {
        get { unsafe pointer!.pointee }
        _modify { yield unsafe &pointer!.pointee }
    }

    func hold(_ state: inout State, _ body: () -> Void) {
        unsafe withUnsafeMutablePointer(to: &state) { pointer in
            unsafe self.pointer = pointer
            body()
            unsafe self.pointer = nil
        }
    }
}

extension Future {
    /// Settles a claimed future of a selection with what the case makes of an outcome.
    fileprivate func settle<Value: Sendable, Result: Sendable>(
        _ outcome: Swift.Result<Value, any Error>,
        _ transform: @escaping @Sendable (Value) throws -> Result
    ) where Success == Choice<Result> {
        _settle(value: { try transform(outcome.get()) })
    }
}

// MARK: Queues

// SAFETY: `locked` is set before the locked body, by the thread that runs it.
class QueueCandidate<Element: Sendable, Result: Sendable>: @unchecked Sendable {
    fileprivate let core: QueueCore<Element>
    @safe @exclusivity(unchecked) fileprivate var locked = Locked<QueueState<Element>>()

    init(_ queue: Queue<Element>) { core = queue.core }

    var target: _Node { core }

    func lock(with others: [any Candidate<Result>], _ body: () -> Void) {
        for case let other as QueueCandidate<Element, Result> in others where other.core === core {
            locked = other.locked
            return body()
        }
        core.state.withLock { state in locked.hold(&state, body) }
    }

    func leave(_ future: _FutureCore) { core.leave(future) }
}

// SAFETY: as its superclass.
final class GetCandidate<Element: Sendable, Result: Sendable>: QueueCandidate<Element, Result>, Candidate,
    @unchecked Sendable
{
    private let transform: @Sendable (Element) throws -> Result

    init(_ queue: Queue<Element>, _ transform: @escaping @Sendable (Element) throws -> Result) {
        self.transform = transform
        super.init(queue)
    }

    func attempt() -> Choice<Result>? {
        switch locked.state.get() {
        case .empty: return nil
        case .element(let element, let settlement):
            return { [core, transform] in
                core.settle(settlement)
                return try transform(element)
            }
        case .refused: return { [core] in throw QueueClosed(core.name, "a get") }
        }
    }

    func wait(_ future: Future<Choice<Result>>) {
        let transform = transform
        locked.state.wait(Waiter(SelectionWaiter(future) { future.settle($0, transform) }))
    }
}

// SAFETY: as its superclass.
final class PutCandidate<Element: Sendable, Result: Sendable>: QueueCandidate<Element, Result>, Candidate,
    @unchecked Sendable
{
    private let element: Element
    private let transform: @Sendable () throws -> Result

    init(_ queue: Queue<Element>, _ element: Element, _ transform: @escaping @Sendable () throws -> Result) {
        self.element = element
        self.transform = transform
        super.init(queue)
    }

    func attempt() -> Choice<Result>? {
        switch locked.state.put(element) {
        case .full: return nil
        case .accepted(let settlement):
            return { [core, transform] in
                core.settle(settlement)
                return try transform()
            }
        case .refused: return { [core] in throw QueueClosed(core.name, "a put") }
        }
    }

    func wait(_ future: Future<Choice<Result>>) {
        let transform = transform
        locked.state.wait(Waiter(SelectionWaiter(future) { future.settle($0) { _ in try transform() } }), with: element)
    }
}

// MARK: Channels

// SAFETY: `locked` is set before the locked body, by the thread that runs it.
class ChannelCandidate<Element: Sendable, Result: Sendable>: @unchecked Sendable {
    fileprivate let core: ChannelCore<Element>
    @safe @exclusivity(unchecked) fileprivate var locked = Locked<ChannelState<Element>>()

    init(_ channel: Channel<Element>) { core = channel.core }

    var target: _Node { core }

    func lock(with others: [any Candidate<Result>], _ body: () -> Void) {
        for case let other as ChannelCandidate<Element, Result> in others where other.core === core {
            locked = other.locked
            return body()
        }
        core.state.withLock { state in locked.hold(&state, body) }
    }

    func leave(_ future: _FutureCore) { core.leave(future) }
}

// SAFETY: as its superclass.
final class ReceiveCandidate<Element: Sendable, Result: Sendable>: ChannelCandidate<Element, Result>, Candidate,
    @unchecked Sendable
{
    private let transform: @Sendable (Element) throws -> Result

    init(_ channel: Channel<Element>, _ transform: @escaping @Sendable (Element) throws -> Result) {
        self.transform = transform
        super.init(channel)
    }

    func attempt() -> Choice<Result>? {
        switch locked.state.receive() {
        case .alone: return nil
        case .met(let sender, let parcel):
            return { [transform] in
                sender.settle(.success(()))
                return try transform(parcel.get())
            }
        case .returned(let element): return { [transform] in try transform(element) }
        case .refused: return { [core] in throw core.closed("a receive") }
        }
    }

    func wait(_ future: Future<Choice<Result>>) {
        let transform = transform
        locked.state.wait(Waiter(SelectionWaiter(future) { future.settle($0, transform) }))
    }
}

// SAFETY: as its superclass.
final class SendCandidate<Element: Sendable, Result: Sendable>: ChannelCandidate<Element, Result>, Candidate,
    @unchecked Sendable
{
    private let element: Element
    private let transform: @Sendable () throws -> Result

    init(_ channel: Channel<Element>, _ element: Element, _ transform: @escaping @Sendable () throws -> Result) {
        self.element = element
        self.transform = transform
        super.init(channel)
    }

    func attempt() -> Choice<Result>? {
        switch locked.state.send() {
        case .alone: return nil
        case .met(let receiver):
            return { [element, transform] in
                receiver.settle(.success(element))
                return try transform()
            }
        case .refused: return { [core] in throw core.closed("a send") }
        }
    }

    func wait(_ future: Future<Choice<Result>>) {
        let transform = transform
        locked.state.wait(
            Waiter(SelectionWaiter(future) { future.settle($0) { _ in try transform() } }),
            with: .success(element)
        )
    }
}
