// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// A promise for a delegate with several methods, one of which ends the operation.
///
///     final class ScanDelegate: ScannerDelegate {
///         let done: DelegatePromise<Document>
///         let progress: @Sendable (Int) -> Void
///
///         init(_ done: DelegatePromise<Document>, progress: @escaping @Sendable (Int) -> Void) {
///             self.done = done
///             self.progress = done.repeated(progress)
///         }
///
///         func scanner(_ scanner: Scanner, didScanPage number: Int) { progress(number) }
///         func scanner(_ scanner: Scanner, didFinishWith document: Document) { done.succeed(document) }
///         func scanner(_ scanner: Scanner, didFailWith error: any Error) { done.fail(error) }
///         func scannerDidCancel(_ scanner: Scanner) { done.cancel() }
///     }
///
/// The first of the methods that end the operation decides. `Call(delegate:)` makes the delegate and keeps it.
///
/// *Ownership.* The delegate owns this object, and with it the promise: a delegate that is thrown away without having been
/// told the end is a ``/Futures/BrokenPromise``. What is given to ``keep(_:)`` lives until the outcome or an accepted
/// cancellation, for sources that refer to their delegate weakly.
///
/// - Executor: Observers run where the delegate's method is called; `Call(delegate:)` takes an executor.
/// - Cancellation: ``onCancel(_:)``, as of a promise.
/// - Errors: A second arrival, by whichever method, is absorbed and reported.
public final class DelegatePromise<Success: Sendable>: Sendable {
    private let promise: Promise<Success>
    private let run = DelegateRun()

    /// Makes a promise for a delegate.
    ///
    /// - Parameter label: Names the operation in diagnostics.
    public convenience init(_ label: String? = nil, fileID: StaticString = #fileID, line: UInt = #line) {
        self.init(for: Promise(label, fileID: fileID, line: line))
    }

    init(for promise: Promise<Success>) {
        self.promise = promise
        onCancel {}
    }

    deinit {
        // A handler may be kept by others than the delegate; it has nothing to precede any more.
        _ = run.end(revoking: false)
    }

    /// The future that the delegate's methods complete.
    public var future: Future<Success> { promise.future }

    // MARK: What the delegate's methods call

    /// Ends the operation with a value.
    public func succeed(_ value: Success, fileID: StaticString = #fileID, line: UInt = #line) {
        complete(with: .success(value), fileID: fileID, line: line)
    }

    /// Ends the operation with an error.
    public func fail(_ error: any Error, fileID: StaticString = #fileID, line: UInt = #line) {
        complete(with: .failure(error), fileID: fileID, line: line)
    }

    /// Ends the operation as cancelled: for the method that says that the user, or the source itself, has given up.
    public func cancel(fileID: StaticString = #fileID, line: UInt = #line) {
        complete(with: .failure(CancellationError()), fileID: fileID, line: line)
    }

    /// Ends the operation.
    ///
    /// - Executor: Observers run on the calling thread.
    /// - Errors: A call beyond the first is absorbed and reported; after an accepted cancellation it is forgiven once.
    public func complete(
        with outcome: Result<Success, any Error>,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) {
        // Released last: the delegate may be among it, and with it this object.
        let kept = run.end(revoking: false)
        promise.complete(with: outcome, fileID: fileID, line: line)
        _ = consume kept
    }

    /// Ends the operation with what its start threw, unless it has ended.
    func failToStart(_ error: any Error) {
        let kept = run.end(revoking: false)
        promise.tryComplete(.failure(error))
        _ = consume kept
    }

    /// A handler for a method that is called any number of times on the way, such as progress.
    ///
    /// - Executor: `handler` runs on `executor`, in the order of the calls, and on the same executor before the outcome
    ///   arrives; without one, inside the delegate's method.
    /// - Cancellation: After an accepted cancellation `handler` is not called any more, and what still comes is absorbed in
    ///   silence.
    /// - Errors: A call after the outcome is absorbed and reported.
    /// - Returns: What the delegate's method calls; it does not keep the promise.
    public func repeated<Element: Sendable>(
        on executor: (any CallbackExecutor)? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ handler: @escaping @Sendable (Element) -> Void
    ) -> @Sendable (Element) -> Void {
        let repetition = Repetition(on: executor, handler)
        run.add(repetition)
        return { [future = promise.future] element in
            let answer = repetition.call(element)
            if answer.isDelivered(of: "a delegate's method", at: SourceSite(fileID: fileID, line: line)) { return }
            guard case .ended = answer, !future.isCancelled else { return }
            Reporter.report(
                .message(
                    "a method of the delegate whose handler was made at \(fileID):\(line) was called after the operation had"
                        + " ended; the call was ignored. The source has to call the method that ends the operation last."
                )
            )
        }
    }

    // MARK: Lifetime

    /// Keeps an object alive until the outcome or an accepted cancellation: the delegate itself, where the source refers to
    /// it weakly, and the source. Does nothing after that.
    public func keep(_ object: any AnyObject & Sendable) { run.keep(object) }

    /// Sets what a cancellation of the future does; see `Promise.onCancel(_:)`. What is kept is released after it.
    ///
    /// - Executor: Runs once, on the thread that cancels.
    public func onCancel(_ canceller: @escaping @Sendable () -> Void) {
        // Weak: the future must not keep what keeps the promise, or nobody could notice that the delegate was thrown away.
        promise.onCancel { [weak run] in
            canceller()
            _ = run?.end(revoking: true)
        }
    }
}

/// What lives as long as a delegate's operation.
final class DelegateRun: Sendable {
    private struct State {
        var hasEnded = false
        var kept: [any AnyObject & Sendable] = []
        var repetitions: [any EndableRepetition] = []
    }

    private let state = Lock(State())

    func keep(_ object: any AnyObject & Sendable) {
        state.withLock { state in
            if !state.hasEnded { state.kept.append(object) }
        }
    }

    func add(_ repetition: any EndableRepetition) {
        let hasEnded = state.withLock { state in
            if !state.hasEnded { state.repetitions.append(repetition) }
            return state.hasEnded
        }
        if hasEnded { repetition.close() }
    }

    /// Ends the handlers.
    ///
    /// - Returns: What was kept, for the caller to release when it is done.
    func end(revoking: Bool) -> [any AnyObject & Sendable] {
        let old = state.withLock { state in
            defer { state = State(hasEnded: true) }
            return state
        }
        for repetition in old.repetitions {
            if revoking { repetition.revoke() } else { repetition.close() }
        }
        return old.kept
    }
}

/// A repetition whose element does not matter.
protocol EndableRepetition: Sendable {
    @discardableResult func close() -> Bool
    @discardableResult func revoke() -> Bool
}

extension Repetition: EndableRepetition {}
