// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Synchronization

/// The placeholder of a value that will be there later: completed once, observed by any number.
///
/// A future is completed by its ``Promise``, by the operation that returned it, or by the futures it was derived from.
/// Observers registered before and after the completion are each called once, in the order they came (Promises/A+
/// 2.2.6), never while a lock is held and never nested in one another.
///
/// - Executor: Observers run on the thread that completes the future, unless a verb names another executor.
/// - Cancellation: ``cancel()`` asks the work behind the future to stop, along the whole chain of futures it stands on.
///   A consumer that is cancelled leaves; the last one to leave cancels the future. See ``shielded``.
/// - Errors: A failure that nobody ever observed is reported once, through the ``Reporter``.
public class Future<Success: Sendable>: _FutureCore, Awaitable, @unchecked Sendable {  // SAFETY: as in `_FutureCore`.
    /// While pending: the first observer, if it is a plain function.
    @safe @exclusivity(unchecked) @usableFromInline
    final var _callback: (@Sendable (Result<Success, any Error>) throws -> Void)?
    @safe @exclusivity(unchecked) @usableFromInline final var _storage = _OutcomeStorage()

    @inlinable
    package init(_fileID: StaticString, line: UInt) {
        super.init()
        #if DEBUG
        _created = SourceSite(fileID: _fileID, line: line)
        #endif
    }

    /// Makes a future that is completed already.
    @inlinable
    public convenience init(
        completed outcome: Result<Success, any Error>,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) {
        self.init(_fileID: fileID, line: line)
        _ = _complete(outcome)
    }

    /// A future that has succeeded already.
    @inlinable
    public static func succeeded(
        _ value: Success,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Future<Success> {
        Future(completed: .success(value), fileID: fileID, line: line)
    }

    /// A future that has failed already.
    @inlinable
    public static func failed(
        _ error: any Error,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Future<Success> {
        Future(completed: .failure(error), fileID: fileID, line: line)
    }

    deinit {
        let state = _state.load(ordering: .acquiring)
        if state & _Bits.done == 0 { return }
        // A failure after a cancellation was asked for is the answer to it, and nobody's loss.
        let silent = _Bits.observed | _Bits.cancelled | _Bits.cancelRequested
        if state & (_Bits.failed | silent) == _Bits.failed { reportUnobserved() }
        let taken = _Bits.failed | _Bits.observed
        if state & (taken | _Bits.disposable | _Bits.cancelRequested) == _Bits.disposable | _Bits.cancelRequested {
            dispose()
        }
        if state & _Bits.trivial == 0 { _destroyOutcome(failed: state & _Bits.failed != 0) }
    }

    private func reportUnobserved() {
        let label = (_linked as? _Extras)?.label
        #if DEBUG
        Reporter.report(
            .unobservedFailure(error: _error, label: label, created: _created, completed: _completed)
        )
        #else
        Reporter.report(.unobservedFailure(error: _error, label: label, created: nil, completed: nil))
        #endif
    }

    /// A value whose consumers have all left by cancelling, when it was too late for the producer.
    private func dispose() {
        guard let extras = _linked as? _Extras, let disposal = extras.disposal as? @Sendable (Success) -> Void else {
            return
        }
        let value = _value
        // Nothing that begins in a `deinit` runs user code on its stack.
        Drain.shared.post { disposal(value) }
    }

    final func _setDisposal(_ disposal: @escaping @Sendable (Success) -> Void) {
        _ = _changeExtras { extras in
            extras.disposal = disposal
            _change(setting: _Bits.disposable)
        }
    }

    // MARK: State

    /// The outcome, if the future is completed. Looking does not count as observing.
    @inlinable
    public final var outcome: Result<Success, any Error>? { _isDone ? _outcome : nil }

    /// The future is completed: with a value, an error or a cancellation.
    @inlinable
    public final var isCompleted: Bool { _isDone }

    /// The future ended by cancellation.
    public final var isCancelled: Bool { _isCancelled }

    /// The future itself.
    @inlinable public final var _core: Unmanaged<_FutureCore>? { unsafe .passUnretained(self) }

    @inlinable
    package final func _markObserved() {
        let state = _state.load(ordering: .relaxed)
        if state & (_Bits.failed | _Bits.disposable) != 0, state & _Bits.observed == 0 {
            _state.bitwiseOr(_Bits.observed, ordering: .relaxed)
        }
    }

    // MARK: Completing

    /// Completes the future; the first wins.
    ///
    /// - Returns: True if this outcome is the future's now.
    @inlinable
    package final func _complete(_ outcome: Result<Success, any Error>, fromUpstream: Bool = false) -> Bool {
        switch outcome {
        case .success(let value): _succeed(value, fromUpstream: fromUpstream)
        case .failure(let error): _fail(error, fromUpstream: fromUpstream)
        }
    }

    @inlinable
    package final func _succeed(_ value: Success, fromUpstream: Bool = false) -> Bool {
        guard _claim(fromUpstream: fromUpstream) else { return false }
        _settle(value: value)
        return true
    }

    @inlinable
    package final func _fail(_ error: any Error, fromUpstream: Bool = false) -> Bool {
        guard _claim(fromUpstream: fromUpstream) else { return false }
        _settle(error: error)
        return true
    }

    /// `_claim` for a producer, whose place is kept where debugging wants it: before anybody can see the outcome.
    @inlinable
    final func _claim(fileID: StaticString, line: UInt) -> Bool {
        guard _claim(fromUpstream: false) else { return false }
        #if DEBUG
        _completed = SourceSite(fileID: fileID, line: line)
        #endif
        return true
    }

    /// The claimer's part: writes the outcome and delivers it.
    @inlinable
    package final func _settle(value: Success) {
        _store(value: value)
        _publish(Self._successBits)
    }

    @inlinable
    package final func _settle(error: any Error) {
        _store(error: error)
        _publish(_Bits.done | Self._failureBits(error))
    }

    @inlinable
    final func _settle(outcome: Result<Success, any Error>) {
        switch outcome {
        case .success(let value): _settle(value: value)
        case .failure(let error): _settle(error: error)
        }
    }

    /// Completes with a value, for a step of a chain that delivers itself.
    ///
    /// - Returns: True if there is somebody to deliver to, which is then up to the caller.
    @inlinable
    final func _succeedQuietly(_ value: Success) -> Bool {
        guard _claim(fromUpstream: true) else { return false }
        _store(value: value)
        return _publishQuietly(Self._successBits)
    }

    /// The same for a failure.
    @inlinable
    final func _failQuietly(_ error: any Error) -> Bool {
        guard _claim(fromUpstream: true) else { return false }
        _store(error: error)
        return _publishQuietly(_Bits.done | Self._failureBits(error))
    }

    /// Makes the outcome visible and delivers it.
    @inlinable
    final func _publish(_ bits: UInt32) {
        if _publishQuietly(bits), let trampoline = unsafe _Trampoline.begin(self) {
            _deliver()
            unsafe _Trampoline.end(trampoline)
        }
    }

    @inlinable static var _successBits: UInt32 {
        _isPOD(Success.self) && _fitsInline ? _Bits.done | _Bits.trivial : _Bits.done
    }

    @usableFromInline
    static func _failureBits(_ error: any Error) -> UInt32 {
        error is CancellationError ? _Bits.failed | _Bits.cancelled : _Bits.failed
    }

    @usableFromInline
    override package final func _completeCancelled() -> Bool {
        _fail(CancellationError(), fromUpstream: true)
    }

    // MARK: Observing

    /// Registers a done-callback.
    ///
    /// - Executor: Runs on the completing thread; on the caller's, before this returns, if the future is completed.
    /// - Cancellation: Through the registration.
    /// - Complexity: O(1); the first observer of a future allocates nothing.
    @inlinable
    public final func observe(
        _ observer: @escaping @Sendable (Result<Success, any Error>) -> Void
    ) -> Registration {
        _observe(observer)
    }

    @inlinable
    package final func _observe(
        _ observer: @escaping @Sendable (Result<Success, any Error>) throws -> Void
    ) -> Registration {
        guard _acquire() else { return _deliverLate(observer) }
        if _state.load(ordering: .relaxed) & (_Bits.used | _Bits.table) == 0 {
            _callback = observer
            _release(setting: _Bits.used | _Bits.observed)
            return Registration(owner: self, token: nil)
        }
        return _observeFurther(observer)
    }

    @usableFromInline
    final func _observeFurther(
        _ observer: @escaping @Sendable (Result<Success, any Error>) throws -> Void
    ) -> Registration {
        let node = _CallbackNode(observer)
        _addToTable(node)
        _release(setting: _Bits.used | _Bits.observed)
        return Registration(owner: self, token: node)
    }

    /// Observes without taking over the duty to see a failure.
    package final func _watch(
        _ observer: @escaping @Sendable (Result<Success, any Error>) throws -> Void
    ) -> Registration {
        guard _acquire() else {
            _Trampoline.deliver(late: _LateDelivery(of: self, to: observer), of: self)
            return .spent
        }
        let node = _CallbackNode(observer)
        _addToTable(node)
        _release(setting: _Bits.used)
        return Registration(owner: self, token: node)
    }

    @usableFromInline
    final func _deliverLate(
        _ observer: @escaping @Sendable (Result<Success, any Error>) throws -> Void
    ) -> Registration {
        _markObserved()
        _Trampoline.deliver(late: _LateDelivery(of: self, to: observer), of: self)
        return .spent
    }

    @usableFromInline
    override package final func _removeCallback(cancelling: Bool) -> _Removal {
        guard _acquire() else { return .late }
        // Destroyed at the end, outside of `busy`: it may own anything.
        let callback = _callback
        _callback = nil
        let removal = _removal(callback != nil, cancelling: cancelling)
        _release()
        defer { _ = consume callback }
        return removal
    }

    @usableFromInline
    override package final var _hasCallback: Bool { _callback != nil }

    @usableFromInline
    override package final func _run() { _deliver() }

    /// Calls the observers. Specialised where the completion is; `_run` is the same for a delivery that had to wait.
    @inlinable
    final func _deliver() {
        if _callback != nil { _deliverToCallback() }
        _runListeners()
    }

    /// Apart, because unspecialised code that mentions a `Result` looks up its metadata on entry.
    @inlinable
    @inline(never)
    final func _deliverToCallback() {
        // Not `take()`: a generic method on the optional would wrap the function in two allocated thunks.
        guard let callback = _callback else { return }
        _callback = nil
        Self._call(callback, _outcome)
    }

    /// The future this one adopts has completed.
    @usableFromInline
    override package func _sourceCompleted(_ source: _FutureCore) { _adoptedCompleted(source) }

    @inlinable
    static func _call(
        _ observer: @Sendable (Result<Success, any Error>) throws -> Void,
        _ outcome: Result<Success, any Error>
    ) {
        do { try observer(outcome) } catch { Reporter.report(.observerThrew(error)) }
    }

    // MARK: Cancelling

    /// Asks the work behind this future to stop.
    ///
    /// The request walks along the futures this one adopts or was derived from, as long as nobody else observes them, and
    /// reaches the producer's canceller (``Promise/onCancel(_:)``). A producer without one is cut off: the future ends
    /// cancelled at once, and the producer's late completion is swallowed once (Twisted: Deferred.cancel).
    ///
    /// - Executor: The canceller and the observers run on the calling thread.
    /// - Returns: `.stopped` if the future ends cancelled, also when it was before; `.tooLate` if another outcome stands.
    /// - Complexity: O(length of the chain), iterative.
    @discardableResult
    public final func cancel() -> CancellationAnswer { _requestCancellation() }

    /// The type, the label and the place it was made at, as far as they are known.
    override public var _summary: String {
        var text = "Future<\(Success.self)>"
        if let label = _label {
            text += " \"\(label)\""
        } else if let label = labelUpstream {
            text += " of \"\(label)\""
        }
        #if DEBUG
        if let created = _created { text += " made at \(created)" }
        #endif
        return text
    }

    /// The future itself: the verb that every awaitable has.
    @inlinable
    public final func future() -> Future<Success> { self }
}

extension _FutureCore {
    /// The label the producer gave, while the future is pending.
    package final var _label: String? {
        guard _acquire() else { return nil }
        let label = (_linked as? _Extras)?.label
        _release()
        return label
    }

    /// Goes by the label of a source that it follows at a distance, through a registration.
    final func _takeLabel(of source: _FutureCore) {
        if let label = source._label { _ = _changeExtras { $0.label = label } }
    }
}

extension Future: CustomStringConvertible {
    /// The state, and what a pending future waits for.
    public var description: String {
        switch outcome {
        case .success(let value)?: return "Future(succeeded: \(value))"
        case .failure(let error)?: return isCancelled ? "Future(cancelled)" : "Future(failed: \(error))"
        case nil:
            guard _acquire() else { return "Future(completed)" }
            let link = _linked
            _release()
            var text = "\(_summary), pending"
            if var root = link as? _FutureCore {
                var steps = 1
                while let next = root._upstream, steps < 10_000 {
                    root = next
                    steps += 1
                }
                text += ", waits for \(root._summary)\(steps == 1 ? "" : ", \(steps) steps up")"
            } else if let producer = link {
                text += ", waits for \(producer._summary)"
            }
            return text
        }
    }

    package var _siteDescription: String { SourceSite.describe(_creationSite, label: _label) }

    /// Known in debug builds.
    package var _creationSite: SourceSite? {
        #if DEBUG
        _created
        #else
        nil
        #endif
    }

    /// The label of the first future up the chain that has one: what is waited for in the end.
    private var labelUpstream: String? {
        var current = _upstream
        for _ in 0..<100 {
            guard let future = current else { return nil }
            if let label = future._label { return label }
            current = future._upstream
        }
        return nil
    }
}

/// An observer beyond the first.
// SAFETY: `callback` is touched by the one delivery, or by the one who withdrew the node.
private final class _CallbackNode<Success: Sendable>: _Node, @unchecked Sendable {
    @safe @exclusivity(unchecked) private var callback: (@Sendable (Result<Success, any Error>) throws -> Void)?

    init(_ callback: @escaping @Sendable (Result<Success, any Error>) throws -> Void) { self.callback = callback }

    override func _sourceCompleted(_ source: _FutureCore) {
        guard let callback else { return }
        // A registration that is kept keeps the node, but not what the callback owns.
        self.callback = nil
        let future = unsafe unsafeDowncast(source, to: Future<Success>.self)
        Future._call(callback, future._outcome)
    }

    override func _forgetSource() { callback = nil }
}

/// The delivery to an observer that came after the completion.
// SAFETY: immutable, of Sendable type.
private final class _LateDelivery<Success: Sendable>: _Node, @unchecked Sendable {
    private let source: Future<Success>
    private let callback: @Sendable (Result<Success, any Error>) throws -> Void

    init(of source: Future<Success>, to callback: @escaping @Sendable (Result<Success, any Error>) throws -> Void) {
        self.source = source
        self.callback = callback
    }

    override func _run() {
        Future._call(callback, source._outcome)
    }

    override var _summary: String { source._summary }
}
