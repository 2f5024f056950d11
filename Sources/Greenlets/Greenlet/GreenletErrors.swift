// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// Thrown at the wait point of a greenlet that is killed.
///
/// Let it pass, so that `defer` and `catch` clean up and the greenlet ends; its awaiters then see `CancellationError`.
/// A bare `catch` or `try?` swallows it like any error: rethrow it where you catch everything.
public struct GreenletExit: Error, Sendable, CustomStringConvertible {
    /// Makes the error; the usual way is `kill()`.
    public init() {}

    /// What happened, what to do.
    public var description: String {
        "GreenletExit: this greenlet was killed; let the error pass so that it unwinds and ends."
    }
}

/// A greenlet or fiber cannot be made or used in the way that was asked.
public struct GreenletMisuse: Error, Sendable, CustomStringConvertible {
    /// What happened, where it began, what to do.
    public let description: String

    package init(_ description: String) { self.description = "GreenletMisuse: \(description)" }
}
