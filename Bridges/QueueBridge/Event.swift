// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// A flag to wait for: what is set stays set until it is cleared, and wakes everybody.
///
///     let ready = Event()
///     try await ready.value     // or ready.wait(), ready.callback { … }: an event is an awaitable
///     ready.set()
///
/// Whoever waits when it is set is woken, first come, first served, also if it is cleared again before they run (gevent:
/// Event). Unlike a future it can be cleared; later waits then wait again.
///
/// - Executor: Waiters are woken where it is set, from any thread.
/// - Cancellation: Takes a waiter out, and leaves no trace.
public final class Event: Awaitable {
    /// Nothing but that it is set.
    public typealias Success = Void

    private let line = Line("an event", operation: "a wait", false)

    /// Makes an event that is not set.
    public init() {}

    deinit { line.release() }

    /// Sets it, and wakes whoever waits.
    public func set() {
        line.wake { isSet, waiters in
            isSet = true
            return ((), waiters.popAllClaimed().map(\.waiter))
        }
    }

    /// Clears it: who waits from now on waits until it is set again.
    public func clear() { line.change { $0 = false } }

    /// Whether a wait would return at once.
    public var isSet: Bool { line.change { $0 } }

    /// Calls when it is set; at once if it is.
    public func observe(_ observer: @escaping @Sendable (Result<Void, any Error>) -> Void) -> Registration {
        let registration = line.wait(unless: { $0 }).observe(observer)
        // The place in the line is this observer's alone: who leaves leaves nothing there.
        return Registration(
            withdraw: { registration.cancel() == .stopped },
            cancel: { registration.cancel() }
        )
    }
}

extension Event: CustomStringConvertible {
    /// Whether it is set, and how many wait.
    public var description: String { "an event, \(isSet ? "set" : "not set"), \(line.waiting) waiting" }
}
