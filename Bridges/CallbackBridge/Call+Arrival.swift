// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// What becomes of a legacy callback that is called inside the initiating call, where an executor is named.
public enum SynchronousCallback: Sendable, Hashable {
    /// It arrives like any other: on the executor, on a clean stack. Nobody can tell a synchronous API from another.
    case deferred
    /// It counts at once if the executor is a loop and the initiating call runs on it, so that an observer may run before
    /// the verb has returned. Everything else arrives on the executor.
    case inline
}

extension Call {
    /// Prepares an operation that reports through a promise, and whose outcome arrives on an executor, whatever thread the
    /// legacy code calls on.
    ///
    ///     Call(on: loop) { done in
    ///         let request = legacyGet(url, done.valueOrErrorCallback())
    ///         done.onCancel { request.stop() }
    ///     }
    ///
    /// - Executor: `initiate` runs on the thread that uses the verb; to start on the executor as well, see
    ///   `Call.on(_:fileID:line:)`. Observers run on `executor`, never before the verb has returned, unless `synchronous`
    ///   is `.inline`.
    /// - Cancellation: Cancelling a run calls what `initiate` has set with `Promise.onCancel(_:)`. An outcome that is on its
    ///   way to the executor stands.
    /// - Errors: What `initiate` throws; ``/Futures/LoopClosed`` if the executor has stopped.
    public init(
        _ label: String? = nil,
        on executor: any CallbackExecutor,
        synchronous: SynchronousCallback = .deferred,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ initiate: @escaping @Sendable (Promise<Success>) throws -> Void
    ) {
        let operation = Call(label, fileID: fileID, line: line, initiate)
        self.init(
            from: {
                let run = operation.future()
                if synchronous == .inline, run.isCompleted, (executor as? any Loop)?.isCurrent == true { return run }
                return run.delivered(on: executor, fileID: fileID, line: line)
            },
            fileID: fileID,
            line: line
        )
    }

    /// Prepares an operation that reports through a legacy callback of the shape that is named.
    ///
    ///     Call<String>(callback: .valueOrError, on: loop) { callback in legacyGet(url, callback) }
    ///     Call<Void>(callback: .errorOnly) { callback in legacySave(text, callback) }
    ///     Call<Page>(callback: .successAndFailure) { success, failure in legacyLoad(success, failure) }
    ///
    /// - Executor: `initiate` runs on the thread that uses the verb. With `executor`, observers run there, whatever thread
    ///   the callback was called on, and never before the verb has returned, unless `synchronous` is `.inline`. Without it
    ///   they run where the callback is called, which may be inside the verb.
    /// - Cancellation: A run that is cancelled ends so at once, and the callback's one late call is swallowed. To stop the
    ///   legacy operation too, use the form whose closure is given the promise. The other way, a callback that gets a
    ///   `CancellationError` makes a cancelled run.
    /// - Errors: What `initiate` throws; ``InvalidCallback`` for a call without a meaning; ``/Futures/BrokenPromise`` if the
    ///   callback is thrown away. A call beyond the first is absorbed and reported.
    public init<Callback: Sendable>(
        _ label: String? = nil,
        callback shape: IncomingShape<Success, Callback>,
        on executor: (any CallbackExecutor)? = nil,
        synchronous: SynchronousCallback = .deferred,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ initiate: @escaping @Sendable (Callback) throws -> Void
    ) {
        let start: @Sendable (Promise<Success>) throws -> Void = { promise in
            try initiate(shape.callback(for: promise, fileID: fileID, line: line))
        }
        if let executor {
            self.init(label, on: executor, synchronous: synchronous, fileID: fileID, line: line, start)
        } else {
            self.init(label, fileID: fileID, line: line, start)
        }
    }
}
