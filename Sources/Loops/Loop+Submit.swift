// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

extension Loop {
    /// Runs the closure on the loop; the future is its outcome (Crochet: run_in_reactor).
    ///
    /// - Executor: The closure runs on the loop, in a later turn, and the future completes there.
    /// - Cancellation: Before the closure has started it never will; afterwards it is too late.
    /// - Errors: What the closure throws; `LoopClosed` if the loop stops first, or has stopped.
    public func submit<Success: Sendable>(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: @escaping @Sendable () throws -> Success
    ) -> Future<Success> {
        let promise = LoopPromise<Success>("a closure submitted", on: self, fileID: fileID, line: line)
        let pending = Once(body)
        promise.onCancel { pending.take() == nil ? .tooLate : .stopped }
        post {
            guard let body = pending.take() else { return }
            promise.complete(Result { try body() })
        }
        return promise.future
    }

    /// Starts an operation on the loop; the future follows what it returns.
    ///
    /// - Executor: The closure runs on the loop, in a later turn.
    /// - Cancellation: Passed on to the operation, on the loop: after the start, also when it is asked for before
    ///   (Crochet: EventualResult.cancel).
    /// - Errors: What the closure throws, and the operation's own; `LoopClosed` if the loop stops first, or has stopped.
    public func start<Success: Sendable>(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: @escaping @Sendable () throws -> some Awaitable<Success>
    ) -> Future<Success> {
        let promise = LoopPromise<Success>("an operation started", on: self, fileID: fileID, line: line)
        let started = Started()
        // The loop holds the promise until it closes, and that the canceller.
        promise.onCancel { [poster = _poster] in
            poster.post {
                // Whoever has left is not told the outcome.
                guard started.registration.withLock({ $0 })?.cancel() == .stopped else { return }
                promise.complete(.failure(CancellationError()))
            }
            return .tooLate
        }
        post {
            do {
                let future = try body().future()
                let registration = future.observe { promise.complete($0) }
                started.registration.withLock { $0 = registration }
            } catch {
                promise.complete(.failure(error))
            }
        }
        return promise.future
    }
}

/// Something that one of several takes.
private final class Once<Value: Sendable>: Sendable {
    private let value: Lock<Value?>
    init(_ value: Value) { self.value = Lock(value) }
    func take() -> Value? { value.withLock { $0.take() } }
}

private final class Started: Sendable {
    let registration = Lock<Registration?>(nil)
}
