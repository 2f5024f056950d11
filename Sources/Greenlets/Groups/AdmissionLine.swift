// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// So many places, and those who wait for one, first come, first served. Who leaves at the moment he is given one takes none.
// SAFETY: the state is behind a lock, the rest is immutable.
final class AdmissionLine: _Node, @unchecked Sendable {
    private struct State {
        /// Below zero while more are taken than there are, after a resize.
        var free: Int
        var waiters = _Ring<Future<Void>>()

        mutating func admit() -> [Future<Void>] {
            var admitted: [Future<Void>] = []
            // Who cannot be claimed is about to leave the line by himself.
            while free > 0, let waiter = waiters.removeFirst(where: { $0._claimUnlessCancelled() }) {
                free -= 1
                admitted.append(waiter)
            }
            return admitted
        }
    }

    private let name: String
    private let state: Lock<State>

    init(places: Int, name: String) {
        self.name = name
        state = Lock(State(free: places))
        super.init()
    }

    var free: Int { state.withLock { max(0, $0.free) } }

    func tryEnter() -> Bool {
        state.withLock { state in
            guard state.free > 0, state.waiters.isEmpty else { return false }
            state.free -= 1
            return true
        }
    }

    /// Completes when a place is the caller's; who leaves takes none.
    func enter() -> Call<Void> { Call(begin: { _ in .future(self.stand()) }) }

    private func stand() -> Future<Void> {
        let waiter = state.withLock { state -> Future<Void>? in
            if state.free > 0, state.waiters.isEmpty {
                state.free -= 1
                return nil
            }
            let waiter = Future<Void>.pending()
            waiter._setHolder(self)
            state.waiters.append(waiter)
            return waiter
        }
        return waiter ?? .succeeded(())
    }

    /// Gives places back, or takes some away.
    func add(_ places: Int) {
        let admitted = state.withLock { state in
            state.free += places
            return state.admit()
        }
        for waiter in admitted { waiter._settle(value: ()) }
    }

    override func _takeCanceller(of future: _FutureCore) -> (@Sendable () -> CancellationAnswer)? {
        { [self] in
            let (left, admitted) = state.withLock { state in
                // Whoever came meanwhile stood behind it.
                (state.waiters.removeFirst { $0 === future }, state.admit())
            }
            _ = consume left
            for waiter in admitted { waiter._settle(value: ()) }
            return .stopped
        }
    }

    override var _summary: String { "a place in \(name)" }
}
