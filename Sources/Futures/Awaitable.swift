// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// Everything that completes once: a future, a prepared call, a task, a greenlet, one arrival of a signal.
///
/// The protocol has one requirement to write, ``observe(_:)``. Every style adds one verb in an extension, so that a type
/// which conforms can be used in all of them: `try await x.value`, `try x.wait()`, `x.future()`, `x.callback { … }`.
public protocol Awaitable<Success>: Sendable {
    /// What a success delivers.
    associatedtype Success

    /// Registers an observer of the outcome.
    ///
    /// - Executor: The observer runs wherever the source completes, possibly before this method returns.
    /// - Cancellation: Through the registration, see ``Registration/cancel()``.
    /// - Parameter observer: Called exactly once, or never after a withdrawal that answered yes.
    /// - Returns: The observer's place at the source; spent if the observer has been called already.
    func observe(_ observer: @escaping @Sendable (Result<Success, any Error>) -> Void) -> Registration

    /// The future that holds the outcome, complete or not. For Switchyard's own types; the default knows none.
    ///
    /// A look at it is what makes awaiting and waiting for completed things free, also through `any Awaitable`. It is not
    /// counted: the awaitable keeps it.
    var _core: Unmanaged<_FutureCore>? { get }
}

/// An awaitable that starts something when a verb is used: the run belongs to the verb, and ends with it.
package protocol _Prepared {
    /// Starts a run; it is the future of this type's own values.
    func _startRun() -> _FutureCore
}

extension Awaitable {
    /// The default: the outcome has to be waited for.
    @inlinable public var _core: Unmanaged<_FutureCore>? { nil }
}
