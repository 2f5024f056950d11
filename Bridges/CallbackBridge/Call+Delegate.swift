// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// Who keeps a delegate alive while its operation is under way.
public enum DelegateOwner: Sendable, Hashable {
    /// The run, until the outcome or an accepted cancellation: for a source that refers to its delegate weakly, as most do.
    /// The source is kept as well. A source that never calls can then not be told from a slow one: set a timeout.
    case run
    /// The source, strongly. A delegate that it throws away untold, or that is thrown away with it, is a
    /// ``/Futures/BrokenPromise``.
    case source
}

extension Call {
    /// Prepares an operation that reports to a delegate with several methods, made anew for each run.
    ///
    ///     Call(on: loop, delegate: { ScanDelegate($0) }) { delegate in
    ///         let scanner = Scanner(delegate: delegate)
    ///         scanner.start()
    ///         return scanner
    ///     } cancel: { scanner in
    ///         scanner.stop()
    ///     }
    ///
    /// - Executor: `makeDelegate` and `start` run on the thread that uses the verb. With `executor`, observers run there,
    ///   whatever thread the delegate was called on, and never before the verb has returned, unless `synchronous` is
    ///   `.inline`; without it they run where the delegate is called.
    /// - Cancellation: Cancelling a run calls `cancel` with the source, on the thread that cancels; the run then ends
    ///   cancelled. The other way, a delegate that is told of a cancellation calls ``DelegatePromise/cancel(fileID:line:)``.
    /// - Errors: What `start` throws; what the delegate is told. A second arrival is absorbed and reported.
    /// - Parameters:
    ///   - makeDelegate: Makes the delegate, which has to keep the promise it is given.
    ///   - owner: Who keeps the delegate.
    ///   - start: Starts the operation and returns its source.
    ///   - cancel: Stops the source.
    public init<Delegate: AnyObject & Sendable, Source: AnyObject & Sendable>(
        _ label: String? = nil,
        on executor: (any CallbackExecutor)? = nil,
        synchronous: SynchronousCallback = .deferred,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        delegate makeDelegate: @escaping @Sendable (DelegatePromise<Success>) -> Delegate,
        keptBy owner: DelegateOwner = .run,
        start: @escaping @Sendable (Delegate) throws -> Source,
        cancel: (@Sendable (Source) -> Void)? = nil
    ) {
        let initiate: @Sendable (Promise<Success>) throws -> Void = { promise in
            let done = DelegatePromise(for: promise)
            let delegate = makeDelegate(done)
            // First of all: a source may let go of its delegate while it starts.
            if owner == .run { done.keep(delegate) }
            let source: Source
            do {
                source = try start(delegate)
            } catch {
                // The outcome releases what is kept; whatever the delegate was told before stands.
                done.failToStart(error)
                return
            }
            if owner == .run { done.keep(source) }
            guard let cancel else { return }
            // Weak: the future's canceller must not keep what keeps the promise.
            done.onCancel { [weak source] in
                if let source { cancel(source) }
            }
        }
        if let executor {
            self.init(label, on: executor, synchronous: synchronous, fileID: fileID, line: line, initiate)
        } else {
            self.init(label, fileID: fileID, line: line, initiate)
        }
    }
}
