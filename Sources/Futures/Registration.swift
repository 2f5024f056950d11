// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// The answer of a source that was asked to stop (Trio: the abort handshake).
@frozen
public enum CancellationAnswer: Sendable, Hashable {
    /// The source has stopped: the observer will not be called, or learns of the cancellation as its outcome.
    case stopped
    /// It was too late: the observer has been called, or will be, with whatever the source came to.
    case tooLate
}

/// One observer's place at a source: it can be withdrawn, or can pass a cancellation on.
///
/// A registration of something that had already completed is *spent*: both calls answer that it is too late.
///
/// - Complexity: Both calls are O(1) for the first observer of a `Future`, O(n) in its observers for later ones.
public struct Registration: Sendable {
    @usableFromInline let owner: _Node?
    @usableFromInline let token: _Node?

    @inlinable
    package init(owner: _Node?, token: _Node?) {
        self.owner = owner
        self.token = token
    }

    /// A registration whose observer has been called already.
    public static let spent = Registration(owner: nil, token: nil)

    /// Makes the registration of a source that is not one of Switchyard's own.
    ///
    /// - Parameters:
    ///   - withdraw: Removes the observer. Returns true if it will never be called.
    ///   - cancel: Removes the observer and asks the source to stop, if nobody else wants its outcome.
    public init(
        withdraw: @escaping @Sendable () -> Bool,
        cancel: @escaping @Sendable () -> CancellationAnswer
    ) {
        self.init(owner: ClosureRegistration(withdraw: withdraw, cancel: cancel), token: nil)
    }

    /// Leaves the source without disturbing it.
    ///
    /// - Returns: True if the observer will never be called; false if it has been, or will be.
    @discardableResult
    public func withdraw() -> Bool {
        owner?._withdraw(token) ?? false
    }

    /// Leaves the source, and asks it to stop when no other observer is left.
    ///
    /// A source that others still observe goes on: only this observer is told no more. This is what keeps one impatient
    /// waiter from failing the others (SwiftNIO #2087), and still lets the last one stop the work.
    ///
    /// - Returns: `.stopped` if the observer will never be called; `.tooLate` if it has been, or will be.
    @discardableResult
    public func cancel() -> CancellationAnswer {
        owner?._cancel(token) ?? .tooLate
    }
}

// SAFETY: immutable, of Sendable type.
private final class ClosureRegistration: _Node, @unchecked Sendable {
    private let withdrawal: @Sendable () -> Bool
    private let cancellation: @Sendable () -> CancellationAnswer

    init(withdraw: @escaping @Sendable () -> Bool, cancel: @escaping @Sendable () -> CancellationAnswer) {
        withdrawal = withdraw
        cancellation = cancel
    }

    override func _withdraw(_ token: _Node?) -> Bool { withdrawal() }
    override func _cancel(_ token: _Node?) -> CancellationAnswer { cancellation() }
}
