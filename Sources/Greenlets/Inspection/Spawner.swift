// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// Which greenlet spawned another one: its number, so that nobody is kept.
@usableFromInline
package struct Spawner: Sendable, Hashable {
    private let bits: UInt64

    private init(bits: UInt64) { self.bits = bits }

    /// No greenlet did.
    @usableFromInline package static var none: Spawner { Spawner(bits: 0) }

    /// One of the same loop.
    init(neighbour id: UInt64) { bits = id << 1 | 1 }

    /// The greenlet that runs on the calling thread, if one does.
    init(_ parker: Unmanaged<_Parker>?, for hub: Hub) {
        guard let parker = unsafe parker else {
            bits = 0
            return
        }
        bits = unsafe parker._withUnsafeGuaranteedRef {
            // SAFETY: only greenlets park.
            let greenlet = unsafe unsafeDowncast($0, to: AnyGreenlet.self)
            return greenlet.id << 1 | (unsafe greenlet.scheduler == hub.scheduler ? 1 : 0)
        }
    }

    /// Its number; nil if no greenlet did.
    var id: UInt64? { bits == 0 ? nil : bits >> 1 }

    /// It belongs to the same loop.
    var isNeighbour: Bool { bits & 1 != 0 }
}
