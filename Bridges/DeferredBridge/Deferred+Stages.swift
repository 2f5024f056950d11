// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

// The adders that keep the type of the value. Each has two forms, for stages that return a value and for those that return
// a Deferred; the second is disfavoured, so that a closure that only throws is not ambiguous.

extension Deferred {
    /// Adds a stage for values; an error passes it (Twisted: Deferred.addCallback).
    ///
    /// - Executor: See ``Deferred``: at once on the calling thread if the result is there and no stage is running; behind
    ///   the others otherwise, also when a stage of this Deferred adds it.
    /// - Errors: What the stage throws goes to the next errback.
    /// - Returns: This Deferred.
    @discardableResult
    public func addCallback(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ callback: @escaping @Sendable (Success) throws -> Success
    ) -> Deferred<Success> {
        add(.transform(onValue: { .value(try callback(Self.unbox($0))) }, onError: nil), "addCallback", fileID, line)
        return self
    }

    /// Adds a stage for values that goes on with another Deferred: the pipeline stops until that one has its result, and
    /// takes it over.
    ///
    /// The result *moves*: what is added to the returned Deferred later gets ``DeferredResultMoved``, and a failure of it is
    /// this one's to handle.
    ///
    /// - Cancellation: While this one waits for the other, ``cancel()`` cancels that.
    /// - Errors: ``DeferredCycle`` if the stage returns this Deferred, or one that waits for it.
    /// - Returns: This Deferred.
    @_disfavoredOverload
    @discardableResult
    public func addCallback(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ callback: @escaping @Sendable (Success) throws -> Deferred<Success>
    ) -> Deferred<Success> {
        add(
            .transform(onValue: { .wait(for: try callback(Self.unbox($0))) }, onError: nil),
            "addCallback",
            fileID,
            line
        )
        return self
    }

    /// Adds a stage for errors; a value passes it. What the stage returns is back on the track of the values
    /// (Twisted: Deferred.addErrback).
    ///
    /// - Executor: As with `addCallback`.
    /// - Errors: What the stage throws, perhaps the error it was given, goes to the next errback.
    /// - Returns: This Deferred.
    @discardableResult
    public func addErrback(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ errback: @escaping @Sendable (any Error) throws -> Success
    ) -> Deferred<Success> {
        add(.transform(onValue: nil, onError: { .value(try errback($0)) }), "addErrback", fileID, line)
        return self
    }

    /// Adds a stage for errors that goes on with another Deferred, as a callback may.
    ///
    /// - Returns: This Deferred.
    @_disfavoredOverload
    @discardableResult
    public func addErrback(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ errback: @escaping @Sendable (any Error) throws -> Deferred<Success>
    ) -> Deferred<Success> {
        add(.transform(onValue: nil, onError: { .wait(for: try errback($0)) }), "addErrback", fileID, line)
        return self
    }

    /// Adds one stage for values and errors alike (Twisted: Deferred.addBoth).
    ///
    /// - Returns: This Deferred.
    @discardableResult
    public func addBoth(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: @escaping @Sendable (Result<Success, any Error>) throws -> Success
    ) -> Deferred<Success> {
        add(
            .transform(
                onValue: { .value(try body(.success(Self.unbox($0)))) },
                onError: { .value(try body(.failure($0))) }
            ),
            "addBoth",
            fileID,
            line
        )
        return self
    }

    /// Adds one stage for values and errors alike, which goes on with another Deferred.
    ///
    /// - Returns: This Deferred.
    @_disfavoredOverload
    @discardableResult
    public func addBoth(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: @escaping @Sendable (Result<Success, any Error>) throws -> Deferred<Success>
    ) -> Deferred<Success> {
        add(
            .transform(
                onValue: { .wait(for: try body(.success(Self.unbox($0)))) },
                onError: { .wait(for: try body(.failure($0))) }
            ),
            "addBoth",
            fileID,
            line
        )
        return self
    }

    /// Adds one stage with a side for values and one for errors. The errback does not see what its own callback throws
    /// (Twisted: Deferred.addCallbacks).
    ///
    /// - Returns: This Deferred.
    @discardableResult
    public func addCallbacks(
        _ callback: @escaping @Sendable (Success) throws -> Success,
        errback: @escaping @Sendable (any Error) throws -> Success,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Deferred<Success> {
        add(
            .transform(onValue: { .value(try callback(Self.unbox($0))) }, onError: { .value(try errback($0)) }),
            "addCallbacks",
            fileID,
            line
        )
        return self
    }

    /// Adds one stage with two sides, which go on with another Deferred.
    ///
    /// - Returns: This Deferred.
    @_disfavoredOverload
    @discardableResult
    public func addCallbacks(
        _ callback: @escaping @Sendable (Success) throws -> Deferred<Success>,
        errback: @escaping @Sendable (any Error) throws -> Deferred<Success>,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Deferred<Success> {
        add(
            .transform(onValue: { .wait(for: try callback(Self.unbox($0))) }, onError: { .wait(for: try errback($0)) }),
            "addCallbacks",
            fileID,
            line
        )
        return self
    }
}
