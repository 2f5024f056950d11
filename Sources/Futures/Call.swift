// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// A prepared asynchronous operation: a value that starts nothing until a verb is used.
///
/// The author of an operation writes it once, and each caller picks a style:
///
///     func fetch(_ url: String) -> Call<String> {
///         Call { done in legacy_get(url) { body, error in done.complete(body, error: error) } }
///     }
///     fetch(url).callback { result in … }     // a callback
///     let page = fetch(url).future()          // a placeholder
///     let text = try await fetch(url).value   // async/await
///     let same = try fetch(url).wait()        // blocking code in a greenlet
///
/// Each verb (`callback`, ``future()``, `value`, `wait()`) starts a new run: two verbs start the operation twice. Keep the
/// future that ``future()`` returns to share one run.
///
/// - Executor: The operation starts on the thread that uses the verb, see ``on(_:fileID:line:)``.
/// - Cancellation: Each run belongs to its verb: leaving it cancels the run (``Promise/onCancel(_:)``).
/// - Errors: What the initiating function throws is the outcome of the run.
public struct Call<Success: Sendable>: Awaitable, _Prepared, Sendable {
    @usableFromInline let begin: @Sendable (_Start) throws -> _Run<Success>

    @inlinable
    @inline(__always)
    package init(begin: @escaping @Sendable (_Start) throws -> _Run<Success>) { self.begin = begin }

    @usableFromInline
    init(start: @escaping @Sendable () -> Future<Success>) {
        begin = { how in
            try how.check()
            return .future(start())
        }
    }

    @inlinable
    func start() -> Future<Success> {
        do {
            switch try begin(.running) {
            case .future(let future): return future
            case .value(let value): return .succeeded(value)
            }
        } catch { return .failed(error) }
    }

    /// Prepares an operation that reports through a promise.
    ///
    /// - Parameter initiate: Starts the operation and returns; it, or a callback it hands out, completes the promise. A
    ///   promise that is dropped fails the run with ``BrokenPromise``.
    @inlinable
    public init(
        _ label: String? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ initiate: @escaping @Sendable (Promise<Success>) throws -> Void
    ) {
        self.init(begin: { how in
            try how.check()
            let promise = Promise<Success>(label, fileID: fileID, line: line)
            let future = promise.future
            do { try initiate(promise) } catch { promise.tryComplete(.failure(error)) }
            return .future(future)
        })
    }

    /// Prepares an operation that returns something awaitable: each run calls `initiate` once.
    ///
    /// - Executor: `initiate` runs on the thread that uses a verb, see ``on(_:fileID:line:)``.
    /// - Cancellation: Cancelling a run cancels what `initiate` has returned, if nobody else observes that.
    /// - Errors: What `initiate` throws, and the outcome of what it returns.
    @inlinable
    public init(
        from initiate: @escaping @Sendable () throws -> some Awaitable<Success>,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) {
        self.init(begin: { how in
            try how.check()
            do { return .future(try initiate().future(fileID: fileID, line: line)) } catch {
                return .future(.failed(error, fileID: fileID, line: line))
            }
        })
    }

    /// Prepares an async function; each run is a task of its own.
    public init(
        _ label: String? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        async operation: @escaping @Sendable () async throws -> Success
    ) {
        self.init(start: { Future(label, fileID: fileID, line: line, operation) })
    }

    /// Starts the operation; the future is this run, and can be shared.
    @inlinable
    public func future() -> Future<Success> { start() }

    package func _startRun() -> _FutureCore { start() }

    /// Starts the operation and registers an observer of this run.
    @inlinable
    public func observe(
        _ observer: @escaping @Sendable (Result<Success, any Error>) -> Void
    ) -> Registration {
        start().observe(observer)
    }

    // MARK: Modifiers

    /// The operation with its value transformed; still prepared, nothing runs.
    ///
    /// - Executor: `transform` runs where the run completes.
    /// - Cancellation: Cancelling a run cancels the operation.
    /// - Errors: The operation's; an error that `transform` throws.
    public func map<Value: Sendable>(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ transform: @escaping @Sendable (Success) throws -> Value
    ) -> Call<Value> {
        Call<Value>(start: { start().map(fileID: fileID, line: line, transform) })
    }

    /// The operation followed by another one; still prepared, nothing runs.
    ///
    /// - Executor: `transform` runs where the first operation completes, and starts the second one there.
    /// - Cancellation: Cancelling a run cancels the operation that is under way.
    /// - Errors: Either operation's; an error that `transform` throws.
    public func flatMap<Value: Sendable>(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ transform: @escaping @Sendable (Success) throws -> some Awaitable<Value>
    ) -> Call<Value> {
        Call<Value>(start: { start().flatMap(fileID: fileID, line: line, transform) })
    }

    /// The operation with a limit: a run that takes longer is cancelled and fails with ``TimedOut``, whatever its
    /// canceller makes of it.
    ///
    /// - Executor: The timer runs on `loop`; by default on the current loop, or a background thread where there is none.
    public func timeout(
        _ limit: Duration,
        on loop: (any Loop)? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Call<Success> {
        Call(start: { start().timeout(limit, on: loop, cancelling: true, fileID: fileID, line: line) })
    }

    /// The operation with a deadline; like the relative form in all else.
    public func timeout(
        at deadline: LoopInstant,
        on loop: any Loop,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Call<Success> {
        Call(start: { start().timeout(at: deadline, on: loop, cancelling: true, fileID: fileID, line: line) })
    }

    /// The operation, tried again after failures.
    ///
    /// - Cancellation: Ends the run in progress or the pause, and is never retried.
    /// - Parameters:
    ///   - attempts: How many runs at most, at least 1.
    ///   - delay: The pause after the run with this number, from 1.
    ///   - condition: Whether an error is worth another run.
    /// - Errors: The last run's.
    public func retry(
        _ attempts: Int,
        on loop: (any Loop)? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        delay: @escaping @Sendable (_ failedRun: Int) -> Duration = { _ in .zero },
        if condition: @escaping @Sendable (any Error) -> Bool = { _ in true }
    ) -> Call<Success> {
        Call(start: { Self.run(self, 1, of: attempts, on: loop, (fileID, line), delay, condition) })
    }

    private static func run(
        _ call: Call,
        _ run: Int,
        of attempts: Int,
        on loop: (any Loop)?,
        _ site: (fileID: StaticString, line: UInt),
        _ delay: @escaping @Sendable (Int) -> Duration,
        _ condition: @escaping @Sendable (any Error) -> Bool
    ) -> Future<Success> {
        call.start().recover(
            fileID: site.fileID,
            line: site.line,
            from: { error -> Future<Success> in
                guard run < attempts, condition(error) else { return .failed(error) }
                let pause = delay(run)
                if pause == .zero { return Self.run(call, run + 1, of: attempts, on: loop, site, delay, condition) }
                return Future<Void>.sleep(for: pause, on: loop).flatMap { _ -> Future<Success> in
                    Self.run(call, run + 1, of: attempts, on: loop, site, delay, condition)
                }
            }
        )
    }

    /// The operation started on an executor, and delivered there too.
    ///
    /// - Cancellation: Before the executor came to it, cancelling a run keeps it from starting.
    /// - Errors: ``LoopClosed`` if the executor has stopped.
    public func on(
        _ executor: any CallbackExecutor,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Call<Success> {
        // What a loop has been given must not keep it alive: nobody may run it any more.
        let loop = executor as? any Loop
        return Call(start: {
            let result = Future<Success>.pending(fileID: fileID, line: line)
            let departure = Departure(of: result, on: executor._diagnosticName)
            let depart: @Sendable (any CallbackExecutor) -> Void = { executor in
                guard let result = departure.begin() else { return }
                let run = start().delivered(on: executor)
                if !result._adopt(run) { run.cancel() }
            }
            let isAccepted =
                if let loop {
                    loop.tryPost { [unowned loop] in depart(loop) }
                } else {
                    executor.tryPost { depart(executor) }
                }
            if !isAccepted { departure.refuse() }
            return result
        })
    }

    /// The operation, never cancelled by its consumers: they leave, it goes on.
    public var shielded: Call<Success> { Call(start: { start().shielded }) }
}
