// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

package import Futures

/// What has to be failed when a loop stops, in the order of registration.
package final class CloseRegistry: Sendable {
    private struct State {
        var actions: [UInt64: @Sendable () -> Void] = [:]
        var next: UInt64 = 0
        var isClosed = false
    }

    private let state = Lock(State())

    package init() {}

    /// Registers an action; calls it at once if the loop has stopped.
    package func add(_ action: @escaping @Sendable () -> Void) -> LoopTimer {
        let key: UInt64? = state.withLock { state in
            guard !state.isClosed else { return nil }
            defer { state.next += 1 }
            state.actions[state.next] = action
            return state.next
        }
        guard let key else {
            action()
            return .spent
        }
        return LoopTimer { [self] in state.withLock { $0.actions.removeValue(forKey: key) } != nil }
    }

    /// Closes the registry; the actions are the caller's to run, with no lock held.
    package func close() -> [@Sendable () -> Void] {
        state.withLock { state in
            state.isClosed = true
            defer { state.actions = [:] }
            return state.actions.sorted { $0.key < $1.key }.map(\.value)
        }
    }

    /// How many are registered: for the tests that nothing piles up.
    package var count: Int { state.withLock { $0.actions.count } }
}
