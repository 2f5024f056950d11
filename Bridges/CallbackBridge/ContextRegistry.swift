// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// The promises and handlers that are on their way through C, by ticket.
enum ContextRegistry {
    typealias Ticket = UInt

    private struct State {
        var last: Ticket = 0
        var entries: [Ticket: any ContextEntry] = [:]
    }

    private static let state = Lock(State())

    static func insert(_ entry: any ContextEntry) -> Ticket {
        state.withLock { state in
            // A ticket is never given out twice, so a stale one never finds another entry.
            state.last += 1
            state.entries[state.last] = entry
            return state.last
        }
    }

    @discardableResult
    static func remove(_ ticket: Ticket) -> (any ContextEntry)? {
        state.withLock { $0.entries.removeValue(forKey: ticket) }
    }

    static func find(_ pointer: UnsafeMutableRawPointer?) -> (any ContextEntry)? {
        let ticket = Ticket(bitPattern: pointer)
        return state.withLock { $0.entries[ticket] }
    }

    /// Removes the entry that satisfies the condition, and leaves any other.
    static func remove(
        _ pointer: UnsafeMutableRawPointer?,
        if condition: (any ContextEntry) -> Bool
    ) -> (any ContextEntry)? {
        let ticket = Ticket(bitPattern: pointer)
        return state.withLock { state in
            guard let entry = state.entries[ticket], condition(entry) else { return nil }
            return state.entries.removeValue(forKey: ticket)
        }
    }

    static func pointer(for ticket: Ticket) -> UnsafeMutableRawPointer {
        unsafe UnsafeMutableRawPointer(bitPattern: ticket)!
    }
}

/// What the registry needs to know of a promise or handler whose type it does not.
protocol ContextEntry: AnyObject, Sendable {
    /// The first call ends the context.
    var isUsedOnce: Bool { get }
    /// The type of the context, in the user's words.
    var kind: String { get }
    func failTaken(as type: String, at site: SourceSite)
    func cancelTaken()
}

extension ContextEntry {
    func failTaken(as type: String, at site: SourceSite) { reportMisuse(as: type, at: site) }
    func cancelTaken() {}

    /// For what cannot fail by a misuse, or must not.
    func reportMisuse(as type: String, at site: SourceSite) {
        let error = InvalidCallback(.wrongContextType(expected: kind, taken: type), at: site)
        Reporter.report(.message("\(error) The call was ignored."))
    }
}

extension Promise: ContextEntry {
    var isUsedOnce: Bool { true }
    var kind: String { "\(CallbackContext<Success>.self)" }

    func cancelTaken() { tryComplete(.failure(CancellationError())) }

    func failTaken(as type: String, at site: SourceSite) {
        tryComplete(.failure(InvalidCallback(.wrongContextType(expected: kind, taken: type), at: site)))
    }
}
