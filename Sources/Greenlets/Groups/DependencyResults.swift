// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// Values of a ``DependencyPool``, each with its key, in the order in which they come; taken one by one in any style.
///
/// - Cancellation: Leaving a `next()` loses no value. Who takes no more leaves nothing behind.
/// - Errors: ``DependencyFailed`` in the place of a value that does not come; the iteration goes on after it.
public struct DependencyResults<Key: Hashable & Sendable, Value: Sendable>: AsyncSequence, Sendable {
    /// A value with its key.
    public typealias Element = (key: Key, value: Value)
    /// What an iterator throws.
    public typealias Failure = any Error

    private let completions: Completions<Key, Value>

    init(_ futures: [Key: Future<Value>]) { completions = Future.asCompleted(futures) }

    /// The next value, nil when all were taken.
    public func next() -> Call<Element?> {
        completions.next().map { completion in try completion.map { ($0.key, try $0.get()) } }
    }

    /// Blocks for the next value, nil when all were taken: for greenlets and plain threads.
    @available(*, noasync, message: "use `for try await`, or `try await next().value`")
    public func waitNext(timeout: Duration? = nil) throws -> Element? {
        try completions.waitNext(timeout: timeout).map { ($0.key, try $0.get()) }
    }

    /// Blocks for all that were not taken yet.
    ///
    /// - Errors: The first failure in time, as soon as it comes.
    @available(*, noasync, message: "use `for try await`")
    public func waitAll() throws -> [Key: Value] {
        var all: [Key: Value] = [:]
        while let next = try waitNext() { all[next.key] = next.value }
        return all
    }

    /// Iterates asynchronously.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let results: DependencyResults

        /// The next value, nil when all were taken.
        public mutating func next() async throws -> Element? { try await results.next().value }
    }

    /// Makes an iterator; several share the values.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(results: self) }
}
