// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// What ends the wait in progress of a greenlet, or its next one: a kill, and time limits that have run out. None displaces
/// another one.
struct Interruptions {
    private var kill: (any Error)?
    /// In the order in which they ran out.
    private var expired: [Timeout] = []
    /// The one that was thrown last, as long as it is somebody's limit.
    private var thrown: Timeout?

    var isPending: Bool { kill != nil || !expired.isEmpty }

    var hasLimits: Bool { thrown != nil || !expired.isEmpty }

    /// A later kill takes the place of the one before.
    mutating func add(_ error: any Error) { kill = error }

    mutating func add(_ timeout: Timeout) { expired.append(timeout) }

    /// Nobody is to be told of this limit any more.
    mutating func withdraw(_ timeout: Timeout) {
        expired.removeAll { $0 === timeout }
        if thrown === timeout { thrown = nil }
    }

    /// The next one to be thrown: a kill comes first.
    mutating func take() -> (error: (any Error)?, isKill: Bool) {
        thrown = nil
        if let error = kill.take() { return (error, true) }
        if expired.isEmpty { return (nil, false) }
        let timeout = expired.removeFirst()
        thrown = timeout
        return (timeout.error ?? timeout, false)
    }

    /// What was taken has ended no wait after all.
    ///
    /// - Returns: Whether it was a kill.
    mutating func putBack(_ error: any Error) -> Bool {
        if let timeout = thrown.take() {
            expired.insert(timeout, at: 0)
            return false
        }
        if kill == nil { kill = error }
        return true
    }
}
