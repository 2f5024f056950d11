// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

extension Future {
    /// A future that follows the one `transform` returns for this one's value.
    ///
    /// - Executor: `transform` runs where this future completes.
    /// - Cancellation: Reaches this future, or the returned one once it is there. Cancelled sources make it cancelled.
    /// - Errors: Either failure passes through; an error thrown fails the result; a `transform` that returns the result
    ///   itself fails it with ``PromiseCycle`` (A+ 2.3.1).
    /// - Complexity: Chains complete iteratively, at any length.
    public final func flatMap<Value: Sendable>(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ transform: @escaping @Sendable (Success) throws -> some Awaitable<Value>
    ) -> Future<Value> {
        _derive(fileID: fileID, line: line) { outcome, result in
            switch outcome {
            case .success(let value):
                do { result._follow(try transform(value).future()) } catch { result._settle(.failure(error)) }
            case .failure(let error): result._settle(.failure(error))
            }
        }
    }

    /// A future in whose place `transform`'s error stands, if this one fails.
    ///
    /// - Executor: `transform` runs where this future completes.
    /// - Cancellation: Passes through unchanged, in both directions.
    /// - Errors: What `transform` returns.
    public final func mapError(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ transform: @escaping @Sendable (any Error) -> any Error
    ) -> Future<Success> {
        _derive(fileID: fileID, line: line) { outcome, result in
            switch outcome {
            case .failure(let error) where !(error is CancellationError): result._settle(.failure(transform(error)))
            default: result._settle(outcome)
            }
        }
    }

    /// A future that has `handler`'s value when this one fails.
    ///
    /// - Executor: `handler` runs where this future completes.
    /// - Cancellation: A cancelled source makes a cancelled result: `handler` is not asked (T2).
    /// - Errors: An error that `handler` throws replaces this future's.
    public final func recover(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ handler: @escaping @Sendable (any Error) throws -> Success
    ) -> Future<Success> {
        _derive(fileID: fileID, line: line) { outcome, result in
            switch outcome {
            case .failure(let error) where !(error is CancellationError):
                result._settle(Result { try handler(error) })
            default: result._settle(outcome)
            }
        }
    }

    /// A future that follows the one `handler` returns when this one fails.
    ///
    /// - Executor: `handler` runs where this future completes.
    /// - Cancellation: As with the other `recover`; once the handler's source is there, it is what gets cancelled.
    /// - Errors: The handler's source's; an error that `handler` throws. A `handler` that returns the result itself fails it
    ///   with ``PromiseCycle``.
    public final func recover(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        from handler: @escaping @Sendable (any Error) throws -> some Awaitable<Success>
    ) -> Future<Success> {
        _derive(fileID: fileID, line: line) { outcome, result in
            switch outcome {
            case .failure(let error) where !(error is CancellationError):
                do { result._follow(try handler(error).future()) } catch { result._settle(.failure(error)) }
            default: result._settle(outcome)
            }
        }
    }

    /// Runs `body` however this future ends, cancellation included, and then ends the same way.
    ///
    /// - Executor: `body` runs where this future completes.
    /// - Cancellation: Cancelling the result cancels this future, if nobody else observes it, and `body` runs at its end. If
    ///   others do, the result only leaves, ends cancelled, and `body` does not run.
    /// - Errors: An error that `body` throws replaces the outcome.
    public final func ensure(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: @escaping @Sendable () throws -> Void
    ) -> Future<Success> {
        _derive(fileID: fileID, line: line) { outcome, result in
            do {
                try body()
                result._settle(outcome)
            } catch { result._settle(.failure(error)) }
        }
    }

    /// Fails with ``ValidationFailed`` when the value does not satisfy `predicate`.
    ///
    /// - Executor: `predicate` runs where this future completes.
    /// - Cancellation: As with ``map(fileID:line:_:)``.
    /// - Errors: ``ValidationFailed``; an error that `predicate` throws; this future's own.
    public final func validate(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ predicate: @escaping @Sendable (Success) throws -> Bool
    ) -> Future<Success> {
        let site = SourceSite(fileID: fileID, line: line)
        return map(fileID: fileID, line: line) { value in
            guard try predicate(value) else { throw ValidationFailed(value: "\(value)", site: site) }
            return value
        }
    }

    /// The outcome of the future inside the future.
    ///
    /// - Executor: Completes where the inner future does, or this one, if that is later or fails.
    /// - Cancellation: Reaches this future, or the inner one once it is there.
    /// - Errors: Either future's.
    public final func flatten<Value: Sendable>(
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Future<Value> where Success == Future<Value> {
        flatMap(fileID: fileID, line: line) { $0 }
    }

    private final func _derive<Value: Sendable>(
        fileID: StaticString,
        line: UInt,
        _ step: @escaping @Sendable (Result<Success, any Error>, Future<Value>) -> Void
    ) -> Future<Value> {
        let result = _DerivedFuture<Success, Value>(step, _fileID: fileID, line: line)
        result._derive(from: self)
        return result
    }

    fileprivate final func _settle(_ outcome: Result<Success, any Error>) {
        _ = _complete(outcome, fromUpstream: true)
    }
}

/// The result of the transforms that may replace an outcome or follow another future.
// SAFETY: `step` is touched by the one delivery of the source.
private final class _DerivedFuture<Input: Sendable, Output: Sendable>: Future<Output>, @unchecked Sendable {
    @safe @exclusivity(unchecked) private var step: (@Sendable (Result<Input, any Error>, Future<Output>) -> Void)?

    init(
        _ step: @escaping @Sendable (Result<Input, any Error>, Future<Output>) -> Void,
        _fileID: StaticString,
        line: UInt
    ) {
        self.step = step
        super.init(_fileID: _fileID, line: line)
    }

    override func _sourceCompleted(_ source: _FutureCore) {
        guard let step else {
            _adoptedCompleted(source)
            return
        }
        self.step = nil
        let source = unsafe unsafeDowncast(source, to: Future<Input>.self)
        step(source._outcome, self)
    }

    override func _forgetSource() { step = nil }
}
