// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

extension Deferred {
    /// A Deferred that has a value (Twisted: succeed).
    public static func succeed(
        _ value: Success,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Deferred<Success> {
        Deferred(DeferredState(phase: .idle(.value(value))), nil, fileID, line)
    }

    /// A Deferred that has failed (Twisted: fail).
    public static func fail(
        _ error: any Error,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Deferred<Success> {
        Deferred(DeferredState(phase: .idle(.failure(error))), nil, fileID, line)
    }

    /// Calls a function, and makes a Deferred of what it returns or throws (Twisted: execute).
    ///
    /// - Executor: `body` runs on the calling thread, before this returns.
    public static func execute(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: () throws -> Success
    ) -> Deferred<Success> {
        do { return .succeed(try body(), fileID: fileID, line: line) } catch {
            return .fail(error, fileID: fileID, line: line)
        }
    }

    /// Calls a function that may or may not be asynchronous: a value, a thrown error, a `Result`, a Deferred, which is
    /// returned as it is, or anything awaitable all become one type (Twisted: maybeDeferred).
    ///
    /// - Executor: `body` runs on the calling thread, before this returns.
    public static func maybeDeferred(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: () throws -> Success
    ) -> Deferred<Success> {
        execute(fileID: fileID, line: line, body)
    }

    /// The form for a function that returns a `Result`.
    @_disfavoredOverload
    public static func maybeDeferred(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: () throws -> Result<Success, any Error>
    ) -> Deferred<Success> {
        execute(fileID: fileID, line: line) { try body().get() }
    }

    /// The form for a function that returns something awaitable, a Deferred among others.
    @_disfavoredOverload
    public static func maybeDeferred(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: () throws -> some Awaitable<Success>
    ) -> Deferred<Success> {
        do { return try body().deferred(fileID: fileID, line: line) } catch {
            return .fail(error, fileID: fileID, line: line)
        }
    }

    /// A Deferred of anything awaitable; a Deferred is returned as it is (Twisted: ensureDeferred).
    ///
    /// What is neither is refused by the compiler, where Twisted throws.
    public static func ensureDeferred(
        _ source: some Awaitable<Success>,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Deferred<Success> {
        source.deferred(fileID: fileID, line: line)
    }

    /// A Deferred of an async function, which runs as ``inlineCallbacks(_:fileID:line:_:)`` says.
    public static func ensureDeferred(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        async body: @escaping @Sendable () async throws -> Success
    ) -> Deferred<Success> {
        inlineCallbacks(fileID: fileID, line: line, body)
    }
}
