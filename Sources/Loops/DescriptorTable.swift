// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// The watchers of a loop, one for each descriptor and direction. Thread-safe: who may watch is decided at once, on any
/// thread; libevent hears of it on the loop's.
final class DescriptorTable: Sendable {
    private struct Key: Hashable {
        let descriptor: Int32
        let direction: IODirection
    }

    private struct State {
        var watchers: [Key: Watcher] = [:]
        var ended: [Watcher] = []
        /// The ended ones that are being uninstalled.
        var leaving: [Watcher] = []
        var nextSequence: UInt64 = 0
        var isClosed = false

        mutating func empty() -> [Watcher] {
            defer { (watchers, ended) = ([:], []) }
            return (watchers.values + ended).sorted { $0.sequence < $1.sequence }
        }
    }

    private let state = Lock(State())

    enum Reservation {
        case granted(Watcher)
        case inUse
        case closed
    }

    func reserve(
        _ descriptor: Int32,
        _ direction: IODirection,
        persistent: Bool,
        onReady: @escaping @Sendable () throws -> Void,
        onFailure: @escaping @Sendable (any Error) -> Void
    ) -> Reservation {
        state.withLock { state in
            if state.isClosed { return .closed }
            let key = Key(descriptor: descriptor, direction: direction)
            if state.watchers[key] != nil { return .inUse }
            let watcher = Watcher(
                descriptor,
                direction,
                persistent: persistent,
                sequence: state.nextSequence,
                onReady: onReady,
                onFailure: onFailure
            )
            state.nextSequence += 1
            state.watchers[key] = watcher
            return .granted(watcher)
        }
    }

    /// Frees the place of a watcher that has ended; its event is uninstalled by the next `uninstallEnded`, before any other
    /// event of the descriptor is installed.
    func release(_ watcher: Watcher) {
        state.withLock { state in
            let key = Key(descriptor: watcher.descriptor, direction: watcher.direction)
            if state.watchers[key] === watcher { state.watchers[key] = nil }
            state.ended.append(watcher)
        }
    }

    func watcher(_ descriptor: Int32, _ direction: IODirection) -> Watcher? {
        state.withLock { $0.watchers[Key(descriptor: descriptor, direction: direction)] }
    }

    /// A watcher has ended, and its event may still be in the poll set.
    func isLeaving(_ descriptor: Int32, _ direction: IODirection) -> Bool {
        state.withLock { state in
            (state.ended + state.leaving).contains { $0.descriptor == descriptor && $0.direction == direction }
        }
    }

    /// Takes the events of ended watchers out of the poll set. On the loop's thread, outside of libevent.
    func uninstallEnded() {
        let ended = state.withLock { state in
            guard !state.ended.isEmpty else { return [Watcher]() }
            state.leaving = state.ended
            state.ended = []
            return state.leaving
        }
        if ended.isEmpty { return }
        for watcher in ended { watcher.uninstall() }
        state.withLock { $0.leaving = [] }
        // Last: they may own anything, and come back here.
        for watcher in ended { watcher.dropHandlers() }
    }

    /// Refuses all from now on; returns everyone, in the order of registration.
    func close() -> [Watcher] {
        state.withLock { state in
            state.isClosed = true
            return state.empty()
        }
    }

    /// Forgets everyone and goes on.
    func removeAll() -> [Watcher] { state.withLock { $0.empty() } }

    var count: Int { state.withLock { $0.watchers.count } }
}
