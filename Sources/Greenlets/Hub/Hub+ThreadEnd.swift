// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CStackSwitch
import Futures
import Loops
import Synchronization

/// What becomes of greenlets when the thread ends that their stacks belong to: it has not stopped their loop, so that they
/// would stay parked, and keep the loop, for ever.
extension Hub {
    /// A hub that is released leaves the list first.
    private struct Tenant {
        unowned(unsafe) let hub: Hub
    }

    /// The hubs whose stacks belong to a carrier. Those of a thread that has ended stay until they are released or come to
    /// another carrier: the next one may have the same address.
    private static let tenants = ProcessLock<[UInt: [Tenant]]>([:])

    /// The hub's stacks belong to the new carrier from now on; none, if it is released.
    func move(from old: OpaquePointer?, to new: OpaquePointer?) {
        Self.tenants.withLock { tenants in
            if let old = unsafe old {
                let key = UInt(bitPattern: old)
                tenants[key]?.removeAll { unsafe $0.hub === self }
                if tenants[key]?.isEmpty == true { tenants[key] = nil }
            }
            if let new = unsafe new { tenants[UInt(bitPattern: new), default: []].append(Tenant(hub: self)) }
        }
    }

    /// On the thread of the carrier, which is about to end.
    static func threadEnds(_ carrier: OpaquePointer) {
        // SAFETY: who holds stacks keeps its loop, which keeps it; nobody but this thread changes that.
        let hubs = tenants.withLock { tenants in
            (tenants[UInt(bitPattern: carrier)] ?? []).compactMap { unsafe $0.hub.holdsStacks ? $0.hub : nil }
        }
        for hub in hubs { hub.unwindLast() }
    }

    private func unwindLast() {
        guard !isClosed, unsafe live.all.contains(where: { unsafe $0.state == .started }) else { return }
        Reporter.report(
            .message(
                """
                the thread of loop "\(name)" ended with \(liveCount) greenlets alive. LoopClosed is thrown at their wait points. \
                Let them end, or stop the loop, before its thread ends.
                """
            )
        )
        let closing: (() -> Void) -> Void = { [self] runPosted in
            end(because: .threadEnded) {
                // Posts may be wake-ups from other threads, and the jobs of portals, which alone can enter their stacks.
                runPosted()
                return closingTurn()
            }
        }
        if let turns = turnHosting {
            turns.takeLastTurn(closing)
        } else if let box = unsafe scheduler.pointee.box {
            box.enter { closing {} }
        } else {
            closing {}
        }
    }

    /// Ends all greenlets though the loop has not stopped, and takes new ones again afterwards.
    ///
    /// - Parameter turn: Takes one turn; false when it was the last one.
    func end(because reason: Ending, turn: () -> Bool) {
        (ending, closingRounds, closingDelays) = (reason, 0, 0)
        setClosed(true)
        while turn() {}
        reopen()
    }

    /// The loop has not stopped: greenlets can be spawned.
    func reopen() {
        (ending, closingRounds, closingDelays) = (.loopStopped, 0, 0)
        setClosed(false)
    }
}

/// Why a hub ends all its greenlets.
enum Ending: UInt8, AtomicRepresentable {
    case loopStopped, threadEnded, forked

    /// The end of a sentence about a greenlet that went on.
    func clause(loop: String) -> String {
        switch self {
        case .loopStopped: "loop \"\(loop)\" had been stopped"
        case .threadEnded: "the thread of loop \"\(loop)\" had ended"
        case .forked: "loop \"\(loop)\" had been left to the parent process"
        }
    }
}
