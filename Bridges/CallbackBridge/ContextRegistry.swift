// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// The promises that are on their way through C, by ticket.
enum ContextRegistry {
    typealias Ticket = UInt

    private struct State {
        var last: Ticket = 0
        var entries: [Ticket: any ContextEntry] = [:]
    }

    private static let state = Lock(State())

    static func insert(_ entry: any ContextEntry) -> Ticket {
        state.withLock { state in
            // A ticket is never given out twice, so a stale one never finds another promise.
            state.last += 1
            state.entries[state.last] = entry
            return state.last
        }
    }

    static func remove(_ ticket: Ticket) -> (any ContextEntry)? {
        state.withLock { $0.entries.removeValue(forKey: ticket) }
    }

    static func remove(_ pointer: UnsafeMutableRawPointer?) -> (any ContextEntry)? {
        remove(Ticket(bitPattern: pointer))
    }

    static func pointer(for ticket: Ticket) -> UnsafeMutableRawPointer {
        unsafe UnsafeMutableRawPointer(bitPattern: ticket)!
    }

    /// How many contexts have been neither called nor released.
    static var count: Int { state.withLock { $0.entries.count } }
}

/// What the registry needs to know of a promise whose type it does not.
protocol ContextEntry: AnyObject, Sendable {
    func failTaken(as type: String, at site: SourceSite)
    func cancelTaken()
}

extension Promise: ContextEntry {
    func cancelTaken() { tryComplete(.failure(CancellationError())) }

    func failTaken(as type: String, at site: SourceSite) {
        tryComplete(
            .failure(InvalidCallback(.wrongContextType(expected: "\(Success.self)", taken: type), at: site))
        )
    }
}
