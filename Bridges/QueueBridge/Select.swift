// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// One thing a `select` may do: take from a queue or channel, or give to one.
public struct SelectCase<Result: Sendable>: Sendable {
    let candidate: @Sendable () -> any Candidate<Result>

    /// Takes an element from a queue.
    public static func get<Element>(
        _ queue: Queue<Element>,
        _ transform: @escaping @Sendable (Element) throws -> Result
    ) -> SelectCase {
        SelectCase { GetCandidate(queue, transform) }
    }

    /// Puts an element into a queue.
    public static func put<Element>(
        _ element: Element,
        to queue: Queue<Element>,
        _ transform: @escaping @Sendable () throws -> Result
    ) -> SelectCase {
        SelectCase { PutCandidate(queue, element, transform) }
    }

    /// Receives from a channel.
    public static func receive<Element>(
        _ channel: Channel<Element>,
        _ transform: @escaping @Sendable (Element) throws -> Result
    ) -> SelectCase {
        SelectCase { ReceiveCandidate(channel, transform) }
    }

    /// Sends on a channel.
    public static func send<Element>(
        _ element: Element,
        on channel: Channel<Element>,
        _ transform: @escaping @Sendable () throws -> Result
    ) -> SelectCase {
        SelectCase { SendCandidate(channel, element, transform) }
    }
}

/// Does the first of several things that can be done, and no other; waits while none can (Go: select).
///
///     let next = select(
///         .get(jobs) { job in Step.run(job) },
///         .receive(stop) { _ in Step.stop }
///     )
///     switch try next.timeout(.seconds(5)).wait() { … }
///
/// Among several that can be done at once the first in the list is. `timeout(_:)` limits the wait; see ``trySelect(_:)`` for
/// one that does not wait.
///
/// - Executor: The case's function runs where its counterpart is called, or on the calling thread.
/// - Cancellation: Leaves all lines; nothing was taken or given.
/// - Errors: ``QueueClosed`` as soon as one of the queues or channels refuses; what the case's function throws; an error
///   that was sent.
/// - Complexity: O(number of cases).
public func select<Result: Sendable>(_ cases: SelectCase<Result>...) -> Call<Result> { select(cases) }

/// Does the first of several things that can be done; like the form with single arguments in all else. An empty list fails
/// with ``/Futures/EmptyInput``.
public func select<Result: Sendable>(_ cases: [SelectCase<Result>]) -> Call<Result> {
    Call(from: { () throws -> Future<Result> in
        if cases.isEmpty { throw EmptyInput("select") }
        return Selection(cases.map { $0.candidate() }).run()
    })
}

/// Does the first of several things that can be done now.
///
/// - Returns: Nil if none can.
/// - Errors: As ``select(_:)-(SelectCase<Result>...)``.
public func trySelect<Result: Sendable>(_ cases: SelectCase<Result>...) throws -> Result? {
    try Selection(cases.map { $0.candidate() }).tryNow()?()
}
