// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// Something that may have changed: whoever waits is woken by a notification, and looks again.
///
///     while !isReady { try await changed.notified().value }     // or .wait() in a greenlet
///     changed.notifyAll()
///
/// A notification wakes those who wait at that moment, the longest first, and is not kept for later ones. Whoever was
/// cancelled or has timed out does not count: nothing is lost to it (Tornado: Condition; its issue 2826 lost it).
///
/// - Executor: Waiters are woken where it is notified, from any thread.
/// - Cancellation: Takes the waiter out of the line.
public final class Condition: Sendable {
    private let line: Line<Void>

    /// Makes a condition that nobody waits for.
    public init(_ name: String? = nil) {
        line = Line(name.map { "condition \"\($0)\"" } ?? "a condition", operation: "a wait", ())
    }

    deinit { line.release() }

    /// The next notification.
    public func notified() -> Call<Void> { Call(from: { self.line.wait(unless: { _ in false }) }) }

    /// Wakes so many of those who wait, the longest first.
    ///
    /// - Returns: How many were woken.
    @discardableResult
    public func notify(_ count: Int = 1) -> Int {
        line.wake { _, waiters in
            var woken: [Waiter<Void>] = []
            while woken.count < count, let next = waiters.popClaimed() { woken.append(next.waiter) }
            return (woken.count, woken)
        }
    }

    /// Wakes all who wait.
    ///
    /// - Returns: How many were woken.
    @discardableResult
    public func notifyAll() -> Int { notify(.max) }
}
