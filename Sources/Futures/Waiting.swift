// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

extension Awaitable where Success: Sendable {
    /// Blocks until the outcome is there: parks the greenlet that calls, or blocks a plain thread.
    ///
    /// A wait on something complete returns at once and yields to nobody (Tornado's coroutines do the same: T5); call
    /// `Greenlet.yield()` in loops over completed things.
    ///
    /// - Executor: Returns on the calling greenlet or thread. Legal in a greenlet and on a plain thread only.
    /// - Cancellation: A kill of the greenlet, or the cancellation of the task that hosts it, ends the wait and leaves the
    ///   source, which is cancelled if nobody else observes it. A timeout leaves it running, but for a `Call`, whose run
    ///   nobody else could reach: that is cancelled. An interruption that comes when the outcome is there already loses
    ///   nothing: this wait returns it, and the next one is interrupted.
    /// - Parameter timeout: How long to wait at most; nil is for ever, zero only looks.
    /// - Errors: The source's own; ``TimedOut``; ``WouldDeadlock`` at once where waiting could never end (on a loop's own
    ///   thread, in a Swift task, in an observer). A `Call` is not even started there.
    @available(*, noasync, message: "use `try await x.value`, or Greenlet.run")
    @inlinable
    @discardableResult
    public func wait(timeout: Duration? = nil) throws -> Success {
        guard let core = unsafe _core else { return try _waitForRun(timeout: timeout) }
        return try unsafe core._withUnsafeGuaranteedRef { core in
            // SAFETY: the contract of `_core`.
            let future = unsafe unsafeDowncast(core, to: Future<Success>.self)
            if !future._isDone { try _blockUntilDone(future, timeout: timeout) }
            return try future._get()
        }
    }

    /// The wait for something that is no future yet.
    @usableFromInline
    func _waitForRun(timeout: Duration?) throws -> Success {
        if let call = self as? Call<Success> { return try call.wait(timeout: timeout) }
        return try waitForForeign(timeout: timeout)
    }

    /// The wait for something that is not ours, of which only an observer tells. Who gives up takes it along.
    private func waitForForeign(timeout: Duration?) throws -> Success {
        let future = Future<Success>.pending()
        let registration = observe { outcome in _ = future._complete(outcome) }
        if future._isDone { return try future._get() }
        future._setCanceller { registration.cancel() }
        do { try _blockUntilDone(future, timeout: timeout) } catch {
            // The source says what came first. If it has called, or is about to, its outcome is this wait's.
            if !registration.withdraw(), !future._isCancelled {
                try _blockUntilDone(future, timeout: nil)
                return try future._get()
            }
            // Lets go of the registration, which may keep the observer, and that this future.
            _ = future._completeCancelled()
            // The future made here says nothing to anybody.
            guard let error = error as? TimedOut else { throw error }
            throw TimedOut(after: error.limit, waitingFor: "\(Self.self)")
        }
        return try future._get()
    }

    /// The future behind one of Switchyard's own types.
    @inlinable var _ownFuture: Future<Success>? {
        guard let core = unsafe _core else { return nil }
        // SAFETY: the contract of `_core`.
        return unsafe unsafeDowncast(core.takeUnretainedValue(), to: Future<Success>.self)
    }
}

extension Future {
    /// The wait for a run of a prepared operation, which was started for it.
    @usableFromInline
    package final func _waitForRun(timeout: Duration?) throws -> Success {
        do {
            if !_isDone { try _blockUntilDone(self, timeout: timeout, cancelling: true) }
        } catch {
            // A wait that was refused has not left the run, which may be a future that others observe, too.
            if !(error is TimedOut) { _observe { _ in }.cancel() }
            throw error
        }
        return try _get()
    }
}

/// The part of a wait that does not depend on the value.
///
/// - Parameter cancelling: Whether who gives up asks the source to stop, unless others observe it. Together with leaving: a
///   value that came between the two would be nobody's (T24).
@usableFromInline
func _blockUntilDone(
    _ source: _FutureCore,
    timeout: Duration?,
    observing: Bool = true,
    cancelling: Bool = false
) throws {
    if let parker = unsafe WaitContext.runningParker {
        // SAFETY: the greenlet that runs is alive.
        return try unsafe parker._withUnsafeGuaranteedRef {
            try park($0, on: source, timeout: timeout, observing: observing, cancelling: cancelling)
        }
    }
    switch WaitContext.current {
    case .refused(let error): throw error
    case .greenlet(let parker):
        try park(parker, on: source, timeout: timeout, observing: observing, cancelling: cancelling)
    case .thread:
        try source._whileBlocking {
            try block(on: source, timeout: timeout, observing: observing, cancelling: cancelling)
        }
    }
}

@inline(__always)
private func park(
    _ parker: _Parker,
    on source: _FutureCore,
    timeout: Duration?,
    observing: Bool,
    cancelling: Bool
) throws {
    let deadline = timeout.map { parker._clock.now.advanced(by: $0) }
    // Borrowed: a greenlet lives as long as it waits, and this function ends when the parker was withdrawn or has been
    // called. One whose stack was given up lives for ever.
    guard source._attach(borrowing: parker, observing: observing) else { return }
    let error: any Error
    let left: Leaving
    switch unsafe parker._park(on: .passUnretained(source), until: deadline) {
    case .unparked: return
    case .timedOut:
        // Before it is cancelled: then it would say that.
        error = TimedOut(after: timeout ?? .zero, waitingFor: source._summary, cancelling: cancelling)
        left = source.leave(parker, cancelling: cancelling)
    case .refused(let refusal):
        left = source.leave(parker, cancelling: cancelling)
        error = refusal
    case .interrupted(let interruption):
        left = source.leave(parker, cancelling: true)
        if left != .empty { parker._postpone(interruption) }
        error = interruption
    }
    switch left {
    case .empty: throw error
    case .called: parker._parkUninterruptibly()
    case .withValue: return
    }
}

private func block(on source: _FutureCore, timeout: Duration?, observing: Bool, cancelling: Bool) throws {
    let waiter = ThreadWaiter()
    guard source._attach(waiter, observing: observing, waking: true) else { return }
    let place = BlockedWaits.enter(source)
    defer { BlockedWaits.leave(place) }
    let deadline = timeout.map { LoopInstant.now.advanced(by: $0) } ?? .distantFuture
    if waiter.wait(until: deadline) { return }
    let error = TimedOut(after: timeout ?? .zero, waitingFor: source._summary, cancelling: cancelling)
    switch source.leave(waiter, cancelling: cancelling) {
    case .empty: throw error
    case .called: _ = waiter.wait(until: .distantFuture)
    case .withValue: return
    }
}

/// How a waiter who gave up has left.
private enum Leaving {
    /// Without an outcome.
    case empty
    /// Not at all: it has been called, or is about to be.
    case called
    /// It will not be called, but a value came first, and nobody else may be left to take it (T24).
    case withValue
}

extension _FutureCore {
    fileprivate final func leave(_ waiter: _Node, cancelling: Bool) -> Leaving {
        if !cancelling { return _withdraw(waiter) ? .empty : .called }
        if _cancel(waiter) == .tooLate { return .called }
        return _hasValue ? .withValue : .empty
    }
}

/// A blocked thread's observer.
// SAFETY: immutable; the parker is made for use from several threads.
private final class ThreadWaiter: _Node, @unchecked Sendable {
    private let parker = ThreadParker()

    func wait(until deadline: LoopInstant) -> Bool { parker.wait(until: deadline) }
    override func _sourceCompleted(_ source: _FutureCore) { parker.wake() }
}

extension _FutureCore {
    /// Waits for the end, however it comes, and without observing the outcome: a failure nobody else sees is reported.
    package final func _waitUntilDone(timeout: Duration?) throws {
        if _isDone { return }
        try _blockUntilDone(self, timeout: timeout, observing: false)
    }
}
