// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import Loops

/// The hubs of loops that are not Switchyard's own, and have no place for them.
extension Hub {
    private struct Foreigner: Sendable {
        weak var loop: (any Loop)?
        let hub: Hub
    }

    private static let foreigners = ProcessLock<[ObjectIdentifier: Foreigner]>([:])

    /// The hub of such a loop. It does not keep the loop; it goes, when the loop has been released, with the next one that is
    /// made.
    static func foreign(_ loop: any Loop) -> Hub {
        if let hub = foreigners.withLock({ $0[ObjectIdentifier(loop)].flatMap { $0.loop === loop ? $0.hub : nil } }) {
            return hub
        }
        // Made outside of the lock: it asks the loop.
        let new = Hub(loop: loop, turns: nil)
        let (hub, released) = foreigners.withLock { foreigners in
            let released = foreigners.filter { $0.value.loop == nil }
            for key in released.keys { foreigners[key] = nil }
            if let present = foreigners[ObjectIdentifier(loop)] { return (present.hub, released) }
            foreigners[ObjectIdentifier(loop)] = Foreigner(loop: loop, hub: new)
            return (new, released)
        }
        _ = consume released
        return hub
    }

    /// How many hubs of foreign loops there are: for the test that they do not pile up.
    package static var foreignCount: Int { foreigners.withLock { $0.count } }
}
