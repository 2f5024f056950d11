// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// A number of tokens, given out in the order in which they are asked for (Twisted: DeferredSemaphore).
///
/// - Executor: Who waits is served on the thread that releases, one after the other and never nested: any number of waiters
///   that release at once is fine.
/// - Cancellation: Of an ``acquire(fileID:line:)`` that waits: it leaves the line and takes no token. Once the token was
///   given, a cancellation comes too late.
public final class DeferredSemaphore: Sendable {
    private let tokens: TokenLine

    /// Makes a semaphore with all of its tokens free.
    ///
    /// - Errors: ``InvalidLimit`` for less than one token.
    public init(tokens: Int) throws {
        guard tokens >= 1 else {
            throw InvalidLimit(limit: "the number of tokens of a DeferredSemaphore", value: tokens, minimum: 1)
        }
        self.tokens = TokenLine(tokens, of: "a DeferredSemaphore of \(tokens) tokens")
    }

    /// How many tokens are free.
    public var freeTokens: Int { tokens.free }

    /// How many wait for a token.
    public var waiters: Int { tokens.waiters }

    /// Takes a token, when one is free; ``release()`` gives it back.
    ///
    /// - Cancellation: Leaves the line.
    /// - Errors: None of its own.
    public func acquire(fileID: StaticString = #fileID, line: UInt = #line) -> Deferred<Void> {
        tokens.acquire(fileID, line)
    }

    /// Gives a token back, and with it serves the first who waits.
    ///
    /// - Errors: ``NotAcquired`` if all tokens are free.
    public func release() throws { try tokens.release() }

    /// Runs the body with a token, which is given back when it has returned or thrown.
    ///
    /// - Cancellation: While it waits for the token, the body never runs.
    /// - Errors: The body's.
    public func run<Value: Sendable>(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: @escaping @Sendable () throws -> Value
    ) -> Deferred<Value> {
        tokens.run(fileID, line, body)
    }

    /// Runs the body with a token, which is given back when the Deferred that it returns has its result.
    ///
    /// - Cancellation: While it waits for the token, the body never runs; later it cancels the body's Deferred.
    /// - Errors: The body's, and those of the Deferred that it returns.
    public func run<Value: Sendable>(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: @escaping @Sendable () throws -> Deferred<Value>
    ) -> Deferred<Value> {
        tokens.run(fileID, line, body)
    }
}
