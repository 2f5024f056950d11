// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures
import Synchronization

/// A function that runs when a greenlet has ended.
public final class GreenletLink: Sendable {
    private let isArmed = Atomic(true)
    private let registration = Lock<Registration?>(nil)

    init() {}

    /// Takes the function back, also while others are being called.
    ///
    /// - Returns: True if it has not begun, and never will.
    @discardableResult
    public func unlink() -> Bool {
        guard isArmed.exchange(false, ordering: .acquiringAndReleasing) else { return false }
        registration.withLock { $0.take() }?.withdraw()
        return true
    }

    func begin() -> Bool { isArmed.exchange(false, ordering: .acquiringAndReleasing) }

    func belong(to registration: Registration) { self.registration.withLock { $0 = registration } }
}

extension Greenlet {
    /// Which ends a link is for.
    enum LinkedEnd { case any, value, failure }

    /// Runs a function when the greenlet has ended, in a greenlet of its own: it may wait (gevent: link).
    ///
    /// Functions run in the order in which they were linked, one that comes after the end at once. `observe` calls back without
    /// a greenlet (gevent: rawlink), and every other verb of an awaitable, such as `deliver(to:)`, is a link as well.
    ///
    /// - Executor: The greenlet's loop.
    /// - Cancellation: ``GreenletLink/unlink()``. A link does not keep the greenlet from being cancelled.
    /// - Errors: What the function throws is reported, and concerns no other link.
    @discardableResult
    public func link(_ body: @escaping @Sendable (Greenlet<Success>) throws -> Void) -> GreenletLink {
        link(to: .any, body)
    }

    /// Runs a function when the greenlet has returned; like `link` in all else. A failure that nobody sees is still
    /// reported.
    @discardableResult
    public func linkValue(_ body: @escaping @Sendable (Greenlet<Success>) throws -> Void) -> GreenletLink {
        link(to: .value, body)
    }

    /// Runs a function when the greenlet has failed or was killed; like `link` in all else.
    @discardableResult
    public func linkException(_ body: @escaping @Sendable (Greenlet<Success>) throws -> Void) -> GreenletLink {
        link(to: .failure, body)
    }

    /// Completes a promise as the greenlet ends; one that is complete already stays as it is.
    @discardableResult
    public func link(to promise: Promise<Success>) -> GreenletLink where Success: Sendable {
        let link = GreenletLink()
        link.belong(to: end._watch { outcome in if link.begin() { promise.tryComplete(outcome) } })
        return link
    }

    private func link(
        to end: LinkedEnd,
        _ body: @escaping @Sendable (Greenlet<Success>) throws -> Void
    ) -> GreenletLink {
        let link = GreenletLink()
        let notify: @Sendable (Result<Success, any Error>) -> Void = { [self] outcome in
            switch (outcome, end) {
            case (.success, .failure), (.failure, .value): return
            default: break
            }
            Greenlet<Void>.spawn(on: loop, name: "link of \(displayName)") { if link.begin() { try body(self) } }
        }
        link.belong(to: end == .value ? self.end._watch(notify) : self.end.observe(notify))
        return link
    }
}
