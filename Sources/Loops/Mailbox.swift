// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import Synchronization

/// Where others leave work for a loop, and how they wake it.
///
/// An object of its own so that a cancellation can post without holding the loop: a weak reference to a loop would put
/// every later retain of it on the runtime's slow path, a strong one would keep it from being released.
final class Mailbox: @unchecked Sendable {  // SAFETY: the lock guards all but `waker`, which changes only after a fork.
    /// Where the loop stands in its life.
    enum Phase { case idle, running, stopping, stopped }

    struct State {
        var work: [LoopWork] = []
        /// The thread sleeps in its poll, and the next to post has to wake it.
        var isSleeping = false
        /// Something besides work has to be looked at before sleeping.
        var isNudged = false
        var phase = Phase.idle
        var attachment: AnyObject?
        /// Keeps the loop alive while jobs are queued.
        var pin: IOLoop?
    }

    let state = Lock(State())
    // Written to only while the loop sleeps in its poll, so never after it has been released.
    @safe @exclusivity(unchecked) var waker: Waker
    private let wakes = Atomic<Int>(0)

    init(waker: Waker) { self.waker = waker }

    /// How often a sleeping thread was woken through the kernel.
    var wakeUps: Int { wakes.load(ordering: .relaxed) }

    /// Appends work; false if it is refused.
    ///
    /// - Parameters:
    ///   - loop: For jobs, which keep their loop alive.
    ///   - isOnLoop: Whether the calling thread runs the loop. Only asked when the loop ends, or seems to sleep.
    @inline(__always)
    func append(_ work: LoopWork, of loop: IOLoop?, isOnLoop: () -> Bool) -> Bool {
        let (accepted, mustWake) = state.withLock { state in
            switch state.phase {
            case .idle, .running: break
            // What ends brings forth the last callbacks itself; others have to be refused for the end to come.
            case .stopping: guard loop != nil || isOnLoop() else { return (false, false) }
            case .stopped: return (false, false)
            }
            state.work.append(work)
            if loop != nil, state.pin == nil { state.pin = loop }
            defer { state.isSleeping = false }
            return (true, state.isSleeping)
        }
        // The loop's own thread, asleep, is in a callback of libevent: the poll is about to return.
        if mustWake, !isOnLoop() { wake() }
        return accepted
    }

    /// Makes the loop look around before it sleeps.
    func nudge() {
        let mustWake = state.withLock { state in
            state.isNudged = true
            defer { state.isSleeping = false }
            return state.isSleeping
        }
        if mustWake { wake() }
    }

    /// Ends the sleep of a loop whose `isSleeping` the caller has just cleared.
    func wake() {
        wakes.wrappingAdd(1, ordering: .relaxed)
        waker.wake()
    }
}
