// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import Loops

/// Where others leave work for a virtual loop: an object of its own, so that who posts need not hold the loop.
final class Postbox: CallbackExecutor {
    private let state = Lock(VirtualLoop.Inbox())

    func withLock<R>(_ body: (inout VirtualLoop.Inbox) -> R) -> R { state.withLock(body) }
    func withLock<R>(_ body: (inout VirtualLoop.Inbox) throws -> R) throws -> R { try state.withLock(body) }

    /// Appends work; false if it is refused.
    ///
    /// - Parameter loop: For jobs, which keep their loop alive.
    func append(_ work: LoopWork, of loop: VirtualLoop?, isOnLoop: Bool) -> Bool {
        let posted = Posted(work: work, poster: Posted.currentPoster)
        let (accepted, waiter) = withLock { inbox in
            switch inbox.phase {
            case .idle, .running: break
            case .stopping: guard loop != nil || isOnLoop else { return (false, nil as ThreadParker?) }
            case .stopped: return (false, nil)
            }
            inbox.work.append(posted)
            if loop != nil, inbox.pin == nil { inbox.pin = loop }
            return (true, inbox.waiter)
        }
        waiter?.wake()
        return accepted
    }

    func tryPost(_ work: @escaping @Sendable () -> Void) -> Bool { append(.callback(work), of: nil, isOnLoop: false) }
    func post(_ work: @escaping @Sendable () -> Void) { _ = tryPost(work) }
}
