// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// A line of waiters with a lock and some state: what semaphores, locks, events and conditions have in common.
// SAFETY: the state is behind a lock, the rest is immutable.
final class Line<State: Sendable>: _Node, @unchecked Sendable {
    let name: String
    private let operation: String
    private let state: BiasedLock<(value: State, waiters: WaitLine<Void, Void>)>

    init(_ name: String, operation: String, _ state: State) {
        self.name = name
        self.operation = operation
        self.state = BiasedLock((state, WaitLine()))
        super.init()
    }

    /// Looks at the state, or changes it.
    func change<R>(_ body: (inout State) -> R) -> R { state.withLock { body(&$0.value) } }

    /// Changes the state and takes those out who are woken by that; wakes them with nothing held.
    func wake<R>(_ body: (inout State, inout WaitLine<Void, Void>) -> (R, [Waiter<Void>])) -> R {
        let (result, woken) = state.withLock { body(&$0.value, &$0.waiters) }
        for waiter in woken { waiter.settle(.success(())) }
        return result
    }

    /// Completes at once if `isFree` says so, which may change the state; else waits in line.
    func wait(unless isFree: (inout State) -> Bool) -> Future<Void> {
        let waiter = state.withLock { state -> Future<Void>? in
            if isFree(&state.value) { return nil }
            let waiter = Future<Void>.pending()
            waiter._setHolder(self)
            state.waiters.append(Waiter(waiter))
            return waiter
        }
        return waiter ?? .succeeded(())
    }

    /// The same for who waits, and leaves the line when it gives up; without a future, if that is a greenlet.
    func wait(for timeout: Duration?, unless isFree: (inout State) -> Bool) throws {
        guard let wait = try _DirectWait(timeout: timeout) else {
            return try _Run.future(self.wait(unless: isFree)).wait(timeout: timeout)
        }
        var place = WaitingGreenlet<Void>.Place(wait)
        try unsafe withUnsafeMutablePointer(to: &place) { place in
            let greenlet = unsafe WaitingGreenlet(at: place)
            let isDone = state.withLock { state in
                if isFree(&state.value) { return true }
                state.waiters.append(.greenlet(greenlet))
                return false
            }
            if isDone { return }
            try greenlet.wait(in: self, for: operation) { state.withLock { $0.waiters.remove(greenlet) != nil } }
        }
    }

    /// How many wait.
    var waiting: Int { state.withLock { $0.waiters.count } }

    /// The last owner has let go: nobody can wake the waiters any more.
    func release() {
        let waiters = state.withLock { $0.waiters.popAllClaimed().map(\.waiter) }
        if waiters.isEmpty { return }
        let error = QueueClosed(name, operation, wasReleased: true)
        // Nothing that begins in a `deinit` runs observers on its stack.
        Drain.shared.post { for waiter in waiters { waiter.settle(.failure(error)) } }
    }

    override func _takeCanceller(of future: _FutureCore) -> (@Sendable () -> CancellationAnswer)? {
        {
            _ = self.state.withLock { $0.waiters.remove(future) }
            // Whoever would wake it finds the request, and passes on to the next.
            return .stopped
        }
    }

    override var _summary: String { name }
}
