// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The producer's end of a ``Future``.
///
/// Copies of the reference share the right to complete; the first completion wins. A promise may be captured by any
/// callback. When the last reference is dropped without a completion, the future fails with ``BrokenPromise``: a callback
/// that a legacy API throws away becomes an error, never a hang.
///
/// A promise that only a local variable holds may be released after its last use, before the end of the scope: keep it in
/// what will complete it.
public final class Promise<Success: Sendable>: @unchecked Sendable {  // SAFETY: each field says it.
    @usableFromInline final let _future: Future<Success>

    // SAFETY: set by the producer before it starts, read by the producer that lost; both own the promise.
    @safe @exclusivity(unchecked) @usableFromInline final var _rarely: _PromiseExtras<Success>?

    /// Makes a promise and its future.
    ///
    /// - Parameter label: Names the operation in diagnostics; release builds have only this.
    @inlinable
    public init(_ label: String? = nil, fileID: StaticString = #fileID, line: UInt = #line) {
        _future = Future(_fileID: fileID, line: line)
        if let label { _setLabel(label) }
    }

    /// The future this promise completes.
    @inlinable
    public var future: Future<Success> { _future }

    deinit {
        if !_future._isDone { abandon() }
    }

    /// Nothing that begins in a `deinit` runs user code on its stack: observers are called from the drain.
    private func abandon() {
        let state = _future._state.load(ordering: .acquiring)
        if state & _Bits.adopting != 0 { return }
        let isWanted = _future._observers > 0 || !_isSoleOwner
        guard isWanted else { return }
        let site = SourceSite.describe(_future._creationSite, label: _rarely?.label)
        _future._markForDrain()
        // A canceller that drops the callback, and the promise with it, has done what it was asked for.
        let cancelled = state & _Bits.cancelRequested != 0
        _ = _future._fail(cancelled ? CancellationError() : BrokenPromise(origin: site))
    }

    /// In `deinit`: nobody else holds the future. A constant, unlike a variable, is used without counting references.
    private var _isSoleOwner: Bool {
        // SAFETY: an unmanaged reference is laid out as a strong one; the promise owns it meanwhile.
        var reference = unsafe Unmanaged.passUnretained(_future)
        return unsafe withUnsafeMutablePointer(to: &reference) { pointer in
            let strong = unsafe UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: Future<Success>.self)
            return unsafe isKnownUniquelyReferenced(&strong.pointee)
        }
    }

    // MARK: Completing

    /// Completes the future, if nobody has yet.
    ///
    /// - Executor: Observers run on the calling thread, before this returns unless a delivery is running on it.
    /// - Returns: True if this outcome is the future's now.
    @inlinable
    @discardableResult
    public func tryComplete(
        _ outcome: Result<Success, any Error>,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Bool {
        guard _future._claim(fileID: fileID, line: line) else {
            _swallow(outcome)
            return false
        }
        _future._settle(outcome: outcome)
        return true
    }

    /// Completes the future; a second completion is reported and changes nothing.
    @inlinable
    public func complete(
        with outcome: Result<Success, any Error>,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) {
        guard _future._claim(fileID: fileID, line: line) else {
            _misuse(outcome, fileID: fileID, line: line)
            return
        }
        _future._settle(outcome: outcome)
    }

    /// Completes the future, if nobody has yet, with an outcome whose error type is known; like the form for any error.
    @inlinable
    @_disfavoredOverload
    @discardableResult
    public func tryComplete(
        _ outcome: Result<Success, some Error>,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Bool {
        tryComplete(outcome.mapError { $0 as any Error }, fileID: fileID, line: line)
    }

    /// Completes the future with an outcome whose error type is known; like the form for any error.
    @inlinable
    @_disfavoredOverload
    public func complete(
        with outcome: Result<Success, some Error>,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) {
        complete(with: outcome.mapError { $0 as any Error }, fileID: fileID, line: line)
    }

    /// Completes the future with a value; a second completion is reported and changes nothing.
    @inlinable
    public func succeed(_ value: Success, fileID: StaticString = #fileID, line: UInt = #line) {
        guard _future._claim(fileID: fileID, line: line) else {
            _misuse(.success(value), fileID: fileID, line: line)
            return
        }
        _future._settle(value: value)
    }

    /// Completes the future with an error; a second completion is reported and changes nothing.
    @inlinable
    public func fail(_ error: any Error, fileID: StaticString = #fileID, line: UInt = #line) {
        guard _future._claim(fileID: fileID, line: line) else {
            _misuse(.failure(error), fileID: fileID, line: line)
            return
        }
        _future._settle(error: error)
    }

    /// Makes the future follow another source: it completes as that does, and only so (Promises/A+ 2.3.2).
    ///
    /// - Cancellation: A cancellation of the future goes on to `source`; the source's arrives as the outcome.
    /// - Errors: A promise that would follow its own future, directly or around a ring, fails with ``PromiseCycle``.
    public func complete(
        from source: some Awaitable<Success>,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) {
        let source: Future<Success> = source.future()
        if _future._adopt(source) { return }
        guard _swallow(nil) else {
            _misuse(nil, fileID: fileID, line: line)
            return
        }
        // The cancellation goes on to what came too late for it.
        let rarely = _rarely
        source.callback { outcome in if case .success(let value) = outcome { rarely?.disposal?(value) } }.cancel()
    }

    /// A producer that comes too late after an accepted cancellation is forgiven once; its value is disposed of.
    @usableFromInline
    @discardableResult
    func _swallow(_ outcome: Result<Success, any Error>?) -> Bool {
        // A cancellation that has won may still be on its way to becoming the outcome.
        _future._awaitClaimedOutcome()
        guard _future._wasCancelled else { return false }
        if case .success(let value)? = outcome { _rarely?.disposal?(value) }
        let old = _future._state.bitwiseOr(_Bits.swallowed, ordering: .relaxed).oldValue
        return old & _Bits.swallowed == 0
    }

    @usableFromInline
    func _misuse(_ outcome: Result<Success, any Error>?, fileID: StaticString, line: UInt) {
        if _swallow(outcome) { return }
        #if DEBUG
        // Adopting has no place of completion yet.
        let first = _future._isDone ? _future._completed : nil
        #else
        let first: SourceSite? = nil
        #endif
        Reporter.report(
            .completedTwice(
                label: _rarely?.label,
                created: _future._creationSite,
                first: first,
                second: SourceSite(fileID: fileID, line: line)
            )
        )
    }

    // MARK: Cancellation

    /// Sets what a cancellation of the future does; the future then ends cancelled, unless the canceller completes the
    /// promise itself (Twisted: Deferred cancellers).
    ///
    /// A canceller set after the cancellation runs at once. It is dropped at completion.
    ///
    /// The canceller has to reach the operation. If the API keeps its running operations alive, as URLSession does, capture
    /// the operation weakly. If nobody else holds it, capture it strongly: a weak reference would be nil, and the
    /// cancellation would do nothing to it. What that costs: the canceller keeps the operation, and while the operation
    /// keeps its callback, a callback that is never called is noticed late or never. Set a limit then.
    ///
    /// - Executor: Runs once, on the thread that cancels, with no lock held.
    public func onCancel(_ canceller: @escaping @Sendable () -> Void) {
        onCancel(answering: {
            canceller()
            return .stopped
        })
    }

    /// Sets what a cancellation does, for a source that can refuse it: after `.tooLate` the future stays pending until it
    /// is completed, or the promise is dropped.
    ///
    /// - Executor: Runs once, on the thread that cancels, with no lock held.
    @_disfavoredOverload
    public func onCancel(answering canceller: @escaping @Sendable () -> CancellationAnswer) {
        guard _future._install(canceller: canceller) == .late else { return }
        if canceller() == .stopped { _ = _future._completeCancelled() }
    }

    /// Sets what happens to a value that nobody takes because of a cancellation: a connection to close, a file to delete
    /// (kotlinx.coroutines: `resume(value, onCancellation)`).
    ///
    /// That is a value that comes after the future was cancelled, and one that comes although its last consumer has left, the
    /// canceller having answered `.tooLate`: then it is disposed of when the future goes, unless somebody takes it before.
    /// Set the hook before the operation starts.
    ///
    /// - Executor: Runs on the thread of the late completion; for a future that goes, on a background thread.
    public func onDispose(_ disposal: @escaping @Sendable (Success) -> Void) {
        _rarely = _PromiseExtras(label: _rarely?.label, disposal: disposal)
        _future._setDisposal(disposal)
    }

    @usableFromInline
    func _setLabel(_ label: String) {
        _rarely = _PromiseExtras(label: label, disposal: nil)
        _ = _future._changeExtras { $0.label = label }
    }
}

/// What few promises have.
@usableFromInline
final class _PromiseExtras<Success: Sendable>: Sendable {
    let label: String?
    let disposal: (@Sendable (Success) -> Void)?

    init(label: String?, disposal: (@Sendable (Success) -> Void)?) {
        self.label = label
        self.disposal = disposal
    }
}

/// What few futures have: a canceller, a label.
@usableFromInline
// SAFETY: touched under the future's `busy` bit; the canceller is called by the one who set `cancelRequested`.
final class _Extras: _Node, @unchecked Sendable {
    var label: String?
    var canceller: (@Sendable () -> CancellationAnswer)?
    var mayBlock: (@Sendable () -> BlockingAnswer)?
    /// Takes the future's value.
    var disposal: (any Sendable)?

    override func _takeCanceller(of future: _FutureCore) -> (@Sendable () -> CancellationAnswer)? {
        defer { canceller = nil }
        return canceller
    }

    @usableFromInline
    override var _summary: String { label ?? "a producer" }
}

extension _FutureCore {
    /// Changes the producer's extras; false if the future is done, or follows another.
    final func _changeExtras(_ change: (_Extras) -> Void) -> Bool {
        guard _acquire() else { return false }
        let extras: _Extras
        if let link = _linked {
            guard let present = link as? _Extras else {
                _release()
                return false
            }
            extras = present
        } else {
            extras = _Extras()
            _relink(extras)
        }
        change(extras)
        _release()
        return true
    }
}
