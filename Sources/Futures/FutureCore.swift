// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import CFutures
public import Synchronization

/// The part of a future that does not depend on its value's type: the state word, the observers, the upstream link.
///
/// Not for use outside of Switchyard.
///
///     pending ──claim──▶ claimed ──outcome written──▶ done
///
/// The word's `busy` bit is a lock of a few instructions over the observer fields and the link; `claimed` excludes it. So
/// whoever has one of them is alone with these fields and with the word, gives back or completes with a plain store, and
/// the party that completed is the one that calls the observers, on its own thread.
@safe
public class _FutureCore: _Node, @unchecked Sendable {  // SAFETY: as the next lines say.
    // `_state` is atomic; the other fields are written under `busy` while pending, and by the claimer alone from then on;
    // the outcome is written between `claimed` and `done` by the claimer, and read after `done`.
    @usableFromInline final let _state: Atomic<UInt32>
    /// While pending: the first observer that is a node, or the table of all observers but an inline callback. Owned, but
    /// for one that is `borrowed`.
    @exclusivity(unchecked) @usableFromInline final var _listener: Unmanaged<_Node>?
    /// While pending: the future this one adopts or derives from, or the producer's `_Extras`. Owned, but for the link of a
    /// future that is `produced`.
    @exclusivity(unchecked) @usableFromInline final var _link: Unmanaged<_Node>?
    #if DEBUG
    @safe @exclusivity(unchecked) @usableFromInline final var _created: SourceSite?
    @safe @exclusivity(unchecked) @usableFromInline final var _completed: SourceSite?
    #endif

    @inlinable
    override package init() {
        _state = Atomic(0)
        super.init()
    }

    deinit {
        // A future that is completed has none; one that is dropped while pending is nobody's who waits for it.
        if unsafe _listener != nil { _ = _takeListener() }
        if unsafe _link != nil { _ = _relink(nil) }
    }

    // MARK: The state word

    /// The outcome can be read.
    @inlinable final var _isDone: Bool { _state.load(ordering: .acquiring) & _Bits.done != 0 }

    /// Sets what a cancellation of a new, unpublished future goes to: whoever it is completes the future before it goes.
    @inlinable
    package final func _setProducer(_ producer: _Node) {
        unsafe _link = unsafe .passUnretained(producer)
        _state.store(_Bits.produced, ordering: .relaxed)
    }

    /// The same for one that may be complete, in the place of its holder.
    package final func _takeProducer(_ producer: _Node) {
        guard _acquire() else { return }
        let holder = _relink(nil)
        unsafe _link = unsafe .passUnretained(producer)
        _release(setting: _Bits.produced)
        _ = consume holder
    }

    /// With `busy` held, or before anybody else has the future.
    @inlinable final var _linked: _Node? { unsafe _link?.takeUnretainedValue() }

    /// The same: sets the link.
    ///
    /// - Returns: The one before, to be dropped when nothing is held: it may own anything.
    @inlinable
    @discardableResult
    final func _relink(_ node: _Node?) -> _Node? {
        let old = unsafe _link
        unsafe _link = unsafe node.map { unsafe .passRetained($0) }
        return unsafe _isProduced ? old?.takeUnretainedValue() : old?.takeRetainedValue()
    }

    /// Whether `_setProducer` was called.
    @inlinable package final var _isProduced: Bool { _state.load(ordering: .relaxed) & _Bits.produced != 0 }

    /// What `_setProducer` set, while the future is pending.
    package final var _producer: _Node? {
        guard _isProduced, _acquire() else { return nil }
        let producer = _linked
        _release()
        return producer
    }

    /// Sets who holds a new, unpublished future in a line of its own: asked for a canceller when the future is cancelled, and
    /// kept by it until then or until it is done.
    @inlinable
    package final func _setHolder(_ holder: _Node) { _relink(holder) }

    /// Somebody wants to see how it ends, or did.
    package final var _isObserved: Bool { _state.load(ordering: .relaxed) & _Bits.observed != 0 }

    /// The same, for other modules.
    package final var _isCompleted: Bool { _isDone }

    /// Takes the right to write the outcome. False if somebody else has it.
    ///
    /// - Parameter fromUpstream: True when the completion comes from the future this one adopts.
    @inlinable
    final func _claim(fromUpstream: Bool) -> Bool {
        let refusing = fromUpstream ? _Bits.claimed : _Bits.claimed | _Bits.adopting
        var seen = _state.load(ordering: .relaxed)
        while seen & refusing == 0 {
            if seen & _Bits.busy != 0 {
                _pause()
                seen = _state.load(ordering: .relaxed)
                continue
            }
            let (exchanged, original) = _state.weakCompareExchange(
                expected: seen,
                desired: seen | _Bits.claimed,
                ordering: .acquiringAndReleasing
            )
            if exchanged { return true }
            seen = original
        }
        return false
    }

    /// The same for who hands something over that must not be lost: false also if a cancellation was asked for, because
    /// then the last consumer may have left already.
    @inlinable
    package final func _claimUnlessCancelled() -> Bool {
        guard _acquire() else { return false }
        let seen = _state.load(ordering: .relaxed)
        let isWanted = seen & _Bits.cancelRequested == 0
        // Nobody else writes the word meanwhile.
        _state.store((isWanted ? seen | _Bits.claimed : seen) & ~_Bits.busy, ordering: .releasing)
        return isWanted
    }

    /// Takes the `busy` bit. False if the future is done (then nothing was taken).
    ///
    /// Waits while the outcome is being written, which takes a few instructions.
    @inlinable
    final func _acquire() -> Bool {
        // Acquiring also where nothing is taken: the caller goes on to read the outcome.
        var seen = _state.load(ordering: .acquiring)
        while true {
            if seen & _Bits.done != 0 { return false }
            if seen & (_Bits.busy | _Bits.claimed) != 0 {
                _pause()
                seen = _state.load(ordering: .acquiring)
                continue
            }
            let (exchanged, original) = _state.weakCompareExchange(
                expected: seen,
                desired: seen | _Bits.busy,
                ordering: .acquiring
            )
            if exchanged { return true }
            seen = original
        }
    }

    @usableFromInline
    final func _pause() { sy_thread_yield() }

    /// Gives the `busy` bit back, with further bits set.
    @inlinable
    final func _release(setting bits: UInt32 = 0) {
        // What was read under `busy` is retained by now, and not after the store, as the optimizer would have it: whoever
        // comes next may release it.
        sy_keep_order()
        // Nobody else writes the word meanwhile.
        let seen = _state.load(ordering: .relaxed)
        _state.store((seen | bits) & ~_Bits.busy, ordering: .releasing)
    }

    /// With `busy` held: sets or clears bits.
    final func _change(setting: UInt32 = 0, clearing: UInt32 = 0) {
        _state.store((_state.load(ordering: .relaxed) | setting) & ~clearing, ordering: .relaxed)
    }

    // MARK: Observers that are nodes

    /// Adds a listener, which is called through `_sourceCompleted`.
    ///
    /// - Parameters:
    ///   - observing: Whether a failure counts as handed on.
    ///   - waking: The listener only wakes somebody, and runs no code of a user's.
    /// - Returns: False if the future is done: the listener will not be called.
    @inlinable
    package final func _attach(_ listener: _Node, observing: Bool = true, waking: Bool = false) -> Bool {
        guard _acquire() else { return false }
        var bits = observing ? _Bits.used | _Bits.observed : _Bits.used
        if _state.load(ordering: .relaxed) & (_Bits.used | _Bits.table) == 0 {
            unsafe _listener = unsafe .passRetained(listener)
            if waking { bits |= _Bits.waking }
        } else {
            _addToTable(listener)
        }
        _release(setting: bits)
        return true
    }

    /// Adds a listener that only wakes somebody, without counting a reference to it: it lives until it has been called,
    /// or was withdrawn, whatever happens.
    final func _attach(borrowing listener: _Node, observing: Bool) -> Bool {
        guard _acquire() else { return false }
        var bits = observing ? _Bits.used | _Bits.observed : _Bits.used
        if _state.load(ordering: .relaxed) & (_Bits.used | _Bits.table) == 0 {
            unsafe _listener = unsafe .passUnretained(listener)
            bits |= _Bits.waking | _Bits.borrowed
        } else {
            _addToTable(listener)
        }
        _release(setting: bits)
        return true
    }

    /// With `busy` held, or by the claimer.
    @inlinable
    final func _takeListener() -> _Node? {
        guard let listener = unsafe _listener else { return nil }
        unsafe _listener = nil
        // SAFETY: what is borrowed lives on, see `_attach(borrowing:observing:)`.
        return unsafe _state.load(ordering: .relaxed) & _Bits.borrowed == 0
            ? listener.takeRetainedValue() : listener.takeUnretainedValue()
    }

    /// With `busy` held: the observers, if there is a table of them.
    private final var _table: ObserverTable? {
        guard _state.load(ordering: .relaxed) & _Bits.table != 0, let table = unsafe _listener else { return nil }
        return unsafe unsafeDowncast(table.takeUnretainedValue(), to: ObserverTable.self)
    }

    /// With `busy` held: appends to the table of observers, which is made when the second one comes.
    @usableFromInline
    final func _addToTable(_ listener: _Node) {
        if let table = _table {
            table.append(listener)
            return
        }
        let table = ObserverTable()
        if let first = _takeListener() { table.append(first) }
        table.append(listener)
        unsafe _listener = unsafe .passRetained(table)
        _change(setting: _Bits.table, clearing: _Bits.waking | _Bits.borrowed)
    }

    /// Removes the observer with this token; nil names the inline callback.
    @usableFromInline
    override package final func _withdraw(_ token: _Node?) -> Bool {
        if case .late = _remove(token, cancelling: false) { false } else { true }
    }

    /// Withdraws the observer; if it was the last one, asks the source to stop.
    @usableFromInline
    override package final func _cancel(_ token: _Node?) -> CancellationAnswer {
        switch _remove(token, cancelling: true) {
        case .late: return .tooLate
        case .removed: return .stopped
        case .removedLast(let step):
            _cancel(step)
            return .stopped
        }
    }

    private final func _remove(_ token: _Node?, cancelling: Bool) -> _Removal {
        guard let token else { return _removeCallback(cancelling: cancelling) }
        guard _acquire() else { return .late }
        let removal = _removal(_detach(token), cancelling: cancelling)
        _release()
        if case .late = removal { return removal }
        token._forgetSource()
        return removal
    }

    /// With `busy` held: what has become of an observer. If the last one has left to cancel, the request is made at once:
    /// whoever comes after that joins a future that is being cancelled, instead of losing one it has found in order.
    final func _removal(_ isRemoved: Bool, cancelling: Bool) -> _Removal {
        guard isRemoved else { return .late }
        guard _isDeserted(), cancelling else { return .removed }
        return .removedLast(_beginCancellation())
    }

    /// With `busy` held. The caller keeps the observer alive: nothing is destroyed under `busy`.
    final func _detach(_ observer: _Node) -> Bool {
        if let table = _table { return table.remove(observer) }
        guard _isFirst(observer) else { return false }
        _ = _takeListener()
        return true
    }

    /// With `busy` held, and no table.
    private final func _isFirst(_ observer: _Node) -> Bool {
        // SAFETY: compared only; the caller keeps the observer.
        unsafe _listener?.toOpaque() == Unmanaged.passUnretained(observer).toOpaque()
    }

    /// With `busy` held, after a removal: true if nobody is left, so that a failure would be lost again.
    private final func _isDeserted() -> Bool {
        guard _observerCount == 0 else { return false }
        _change(clearing: _Bits.observed)
        return true
    }

    /// Removes the inline callback, which only the generic part knows.
    @usableFromInline package func _removeCallback(cancelling: Bool) -> _Removal { .late }

    /// A delivery to an observer that comes late, with what is to be bound around it.
    func _bound(_ delivery: _Node) -> _Node { delivery }

    /// With `busy` held: whether this listener observes, and nobody else does.
    final func _isOnlyObserver(_ observer: _Node) -> Bool {
        guard !_hasCallback else { return false }
        if let table = _table { return table.isOnly(observer) }
        return _isFirst(observer)
    }

    /// With `busy` held: whether an inline callback is there.
    @usableFromInline package var _hasCallback: Bool { false }

    /// With `busy` held.
    final var _observerCount: Int {
        (_hasCallback ? 1 : 0) + (_table?.count ?? (unsafe _listener == nil ? 0 : 1))
    }

    /// How many observers wait for the outcome; none once it is there.
    package final var _observers: Int {
        guard _acquire() else { return 0 }
        let count = _observerCount
        _release()
        return count
    }

    // MARK: Firing

    /// The claimer lets go of the producer's extras; the label stays, for a report, and so does what a value may still need.
    @usableFromInline
    package final func _retire(_ link: _Node) {
        guard let extras = link as? _Extras else { return }
        let canceller = extras._takeCanceller(of: self)
        if extras.label != nil || extras.disposal != nil { _relink(extras) }
        _ = consume canceller
    }

    /// Calls the observers: the inline callback or first listener, then the table.
    @usableFromInline
    override package func _run() {
        _runListeners()
    }

    @inlinable
    package final func _runListeners() {
        guard let listener = _takeListener() else { return }
        if listener._sourceCompletedInChain(self) { _continueChain(listener) }
    }

    /// Runs down a chain of futures that have one listener each, without a detour through the queue of this context; as
    /// soon as anything else waits there, the chain takes its place behind it.
    @usableFromInline
    final func _continueChain(_ first: _Node) {
        // SAFETY: only futures answer that they have to be delivered.
        var current = unsafe unsafeDowncast(first, to: _FutureCore.self)
        let trampoline = unsafe _Trampoline.current
        while unsafe _Trampoline.canContinue(trampoline, with: current), !current._hasCallback {
            guard let listener = current._takeListener() else { return }
            guard listener._sourceCompletedInChain(current) else { return }
            current = unsafe unsafeDowncast(listener, to: _FutureCore.self)
        }
        _Trampoline.deliver(current)
    }

    /// The claimer makes the outcome visible.
    ///
    /// - Returns: True if the caller has to deliver.
    @inlinable
    final func _publishQuietly(_ bits: UInt32) -> Bool {
        let old = _state.load(ordering: .relaxed)
        _state.store(old | bits, ordering: .releasing)
        // A producer is not owned.
        if unsafe _link != nil {
            if old & _Bits.produced != 0 {
                unsafe _link = nil
            } else if let link = _relink(nil), old & _Bits.adopting == 0 {
                _retire(link)
            }
        }
        if old & _Bits.used == 0 { return false }
        if old & (_Bits.onDrain | _Bits.waking) == 0 { return true }
        if old & _Bits.onDrain != 0 { _Trampoline.deliverOnDrain(self) } else { _wakeListener() }
        return false
    }

    /// Wakes who waits, at once: that runs nobody's code, so it need not queue up behind other deliveries.
    @usableFromInline
    final func _wakeListener() {
        guard let listener = unsafe _listener else { return }
        unsafe _listener = nil
        let isOwned = _state.load(ordering: .relaxed) & _Bits.borrowed == 0
        // SAFETY: what is borrowed lives on until it has been called, and may be gone then.
        unsafe listener._withUnsafeGuaranteedRef { $0._sourceCompleted(self) }
        if isOwned { unsafe listener.release() }
    }

    // MARK: Ends

    /// Ends this future as cancelled; false if it is completed or being completed.
    @usableFromInline package func _completeCancelled() -> Bool { false }

    /// Done, with a value.
    final var _hasValue: Bool { _state.load(ordering: .acquiring) & (_Bits.done | _Bits.failed) == _Bits.done }

    /// Done, with a `CancellationError`.
    @usableFromInline
    package final var _isCancelled: Bool { _state.load(ordering: .acquiring) & _Bits.cancelled != 0 }

    /// Done, with a `CancellationError` that answered a cancellation.
    final var _wasCancelled: Bool {
        _state.load(ordering: .acquiring) & _Bits.wasCancelled == _Bits.wasCancelled
    }

    /// Runs the observers on the process-wide drain from now on: set by completions that begin in a `deinit`.
    @usableFromInline
    package final func _markForDrain() {
        if _acquire() { _release(setting: _Bits.onDrain) }
    }
}

/// What became of an observer that was to be removed.
@usableFromInline
package enum _Removal {
    /// It has been called, or will be, or was removed before.
    case late
    /// It will not be called.
    case removed
    /// It will not be called, and nobody else is left: the cancellation has been requested, and is to be carried out.
    case removedLast(_CancellationStep)
}

/// The bits of a future's state word.
@usableFromInline
package enum _Bits {
    /// Somebody has the right to write the outcome.
    @inlinable package static var claimed: UInt32 { 1 }
    /// The outcome is there.
    @inlinable package static var done: UInt32 { 2 }
    /// Somebody is changing the observers or the link.
    @inlinable package static var busy: UInt32 { 4 }
    /// An observer was registered at some time, so there may be somebody to deliver to.
    @inlinable package static var used: UInt32 { 8 }
    /// `_listener` is the table of observers.
    @inlinable package static var table: UInt32 { 16 }
    /// The outcome was handed on to somebody.
    @inlinable package static var observed: UInt32 { 32 }
    /// The outcome is a failure.
    @inlinable package static var failed: UInt32 { 64 }
    /// The outcome is a cancellation.
    @inlinable package static var cancelled: UInt32 { 128 }
    /// A cancellation was asked for.
    @inlinable package static var cancelRequested: UInt32 { 256 }
    /// Ended by a cancellation that was asked for here; a producer may also fail with a `CancellationError` by itself.
    @inlinable package static var wasCancelled: UInt32 { cancelled | cancelRequested }
    /// Only the adopted future can complete this one.
    @inlinable package static var adopting: UInt32 { 512 }
    /// A late completion after the cancellation was swallowed already.
    @inlinable package static var swallowed: UInt32 { 1024 }
    /// The value needs no destruction.
    @inlinable package static var trivial: UInt32 { 4096 }
    /// Deliver on the drain.
    @inlinable package static var onDrain: UInt32 { 2048 }
    /// The link is the producer, which ends as it decides.
    @inlinable package static var produced: UInt32 { 8192 }
    /// The only observer is one that wakes a greenlet, a task or a thread.
    @inlinable package static var waking: UInt32 { 16384 }
    /// A value that nobody takes after a cancellation is to be disposed of.
    @inlinable package static var disposable: UInt32 { 65536 }
    /// The only observer wakes somebody, and no reference to it is counted.
    @inlinable package static var borrowed: UInt32 { 32768 }
    /// Observers run with the values of a snapshot bound.
    @inlinable package static var bound: UInt32 { 262144 }
}

/// All observers of a future that has more than one, in the order they came.
// SAFETY: touched under the future's `busy` bit, then by its claimer alone.
private final class ObserverTable: _Node, @unchecked Sendable {
    private var observers: [_Node] = []

    var count: Int { observers.count }

    func isOnly(_ observer: _Node) -> Bool { observers.count == 1 && observers[0] === observer }

    func append(_ observer: _Node) { observers.append(observer) }

    func remove(_ observer: _Node) -> Bool {
        guard let index = observers.firstIndex(where: { $0 === observer }) else { return false }
        observers.remove(at: index)
        return true
    }

    override func _sourceCompleted(_ source: _FutureCore) {
        for observer in observers { observer._sourceCompleted(source) }
        observers = []
    }
}
