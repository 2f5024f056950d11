// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// The next element of an `AsyncSequence`.
final class AsyncSequenceSource: Source {
    static let name = "AsyncSequence"

    let subject: Call<Int>
    private let continuation: AsyncThrowingStream<Int, any Error>.Continuation
    private let hasBegun = Flag()
    private let hasLeft = Flag()

    init(_ bench: Bench) {
        let (stream, continuation) = AsyncThrowingStream<Int, any Error>.makeStream()
        self.continuation = continuation
        subject = Numbers(base: stream, hasBegun: hasBegun).events().next()
        continuation.onTermination = { [hasLeft] reason in if case .cancelled = reason { hasLeft.set() } }
    }

    static var dropError: String { "SourceEnded" }
    static var reportsSecond: Bool { false }
    static var completesInPlace: Bool { false }

    var hasStarted: Bool { hasBegun.isSet }
    var wasStopped: Bool { hasLeft.isSet }

    func completeBefore(_ value: Int) { continuation.yield(value) }

    func complete(_ outcome: Result<Int, any Error>) {
        switch outcome {
        case .success(let value): continuation.yield(value)
        case .failure(let error): continuation.finish(throwing: error)
        }
    }

    func drop() { continuation.finish() }

    /// Says when somebody has begun to wait for an element: a task that is cancelled before tells nobody.
    private struct Numbers: AsyncSequence, Sendable {
        let base: AsyncThrowingStream<Int, any Error>
        let hasBegun: Flag

        struct AsyncIterator: AsyncIteratorProtocol {
            var base: AsyncThrowingStream<Int, any Error>.AsyncIterator
            let hasBegun: Flag

            mutating func next() async throws -> Int? { try await next(isolation: nil) }

            mutating func next(isolation actor: isolated (any Actor)?) async throws -> Int? {
                hasBegun.set()
                return try await base.next(isolation: actor)
            }
        }

        func makeAsyncIterator() -> AsyncIterator {
            AsyncIterator(base: base.makeAsyncIterator(), hasBegun: hasBegun)
        }
    }
}
