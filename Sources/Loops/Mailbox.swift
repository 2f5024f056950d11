// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import Synchronization

/// Where others leave work for a loop, and how they wake it.
///
/// An object of its own so that a cancellation can post without holding the loop: a weak reference to a loop would put
/// every later retain of it on the runtime's slow path, a strong one would keep it from being released.
// SAFETY: the lock guards all but `waker`, which changes only after a fork.
final class Mailbox: @unchecked Sendable {
    /// Where a loop's thread sleeps, if it does.
    enum Sleep { case none, polling, parked }

    /// Where the loop stands in its life.
    enum Phase { case idle, running, stopping, stopped }

    struct State {
        var work: [LoopWork] = []
        /// The thread sleeps, and the next to post has to wake it.
        var sleep = Sleep.none
        /// Something besides work has to be looked at before sleeping.
        var isNudged = false
        var phase = Phase.idle
        var attachment: AnyObject?
        /// Keeps the loop alive while jobs are queued.
        var pin: IOLoop?
    }

    let state = Lock(State())
    // Held as well as the loop holds it: who wakes may be later than the loop's release.
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
        let (accepted, sleep) = state.withLock { state in
            switch state.phase {
            case .idle, .running: break
            // What ends brings forth the last callbacks itself; others have to be refused for the end to come.
            case .stopping: guard loop != nil || isOnLoop() else { return (false, Sleep.none) }
            case .stopped: return (false, Sleep.none)
            }
            state.work.append(work)
            if loop != nil, state.pin == nil { state.pin = loop }
            return (true, state.awake())
        }
        // The loop's own thread, asleep, is in a callback of libevent: the poll is about to return.
        if sleep != .none, !isOnLoop() { wake(from: sleep) }
        return accepted
    }

    /// Makes the loop look around before it sleeps.
    func nudge() {
        let sleep = state.withLock { state in
            state.isNudged = true
            return state.awake()
        }
        wake(from: sleep)
    }

    /// Ends the sleep that the caller has just taken out of the state.
    func wake(from sleep: Sleep) {
        if sleep == .none { return }
        wakes.wrappingAdd(1, ordering: .relaxed)
        if sleep == .parked { waker.unpark() } else { waker.wake() }
    }
}

extension Mailbox.State {
    /// Says that the loop does not sleep any more, and where it did: the caller has to wake it.
    mutating func awake() -> Mailbox.Sleep {
        defer { sleep = .none }
        return sleep
    }
}

/// Posts to a loop without holding it: for what the loop itself holds.
struct Poster: CallbackExecutor {
    let mailbox: Mailbox
    let box: LoopBox

    func post(_ work: @escaping @Sendable () -> Void) { _ = tryPost(work) }

    func tryPost(_ work: @escaping @Sendable () -> Void) -> Bool {
        mailbox.append(.callback(work), of: nil, isOnLoop: { box.isCurrent })
    }
}
