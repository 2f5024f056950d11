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
        let future = future()
        do {
            return try future.wait(timeout: timeout)
        } catch let error as TimedOut {
            // What is foreign has no future but the one made here, whose place says nothing.
            throw TimedOut(after: error.limit, waitingFor: "\(Self.self)")
        }
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
            _observe { _ in }.cancel()
            guard let error = error as? TimedOut else { throw error }
            throw TimedOut(after: error.limit, waitingFor: error.operation, cancelling: true)
        }
        return try _get()
    }
}

/// The part of a wait that does not depend on the value.
///
/// - Parameter cancelling: Whether who gives up asks the source to stop, if nobody else observes it. Together with leaving:
///   a value that came between the two would be nobody's (T24).
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
        switch source._mayBlock {
        case .allowed: try block(on: source, timeout: timeout, observing: observing, cancelling: cancelling)
        case .allowedUntil(let end):
            defer { end() }
            try block(on: source, timeout: timeout, observing: observing, cancelling: cancelling)
        case .refused(let error): throw error
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
    switch unsafe parker._park(on: .passUnretained(source), until: deadline) {
    case .unparked: return
    case .timedOut:
        // Before it is left: what was cancelled has lost its label.
        let operation = source._summary
        switch source._leave(parker, cancelling: cancelling) {
        case .left: throw TimedOut(after: timeout ?? .zero, waitingFor: operation)
        case .leftValue: return
        case .tooLate: parker._parkUninterruptibly()
        }
    case .refused(let error):
        switch source._leave(parker, cancelling: cancelling) {
        case .left: throw error
        case .leftValue: return
        case .tooLate: parker._parkUninterruptibly()
        }
    case .interrupted(let error):
        switch source._leave(parker, cancelling: true) {
        case .left: throw error
        case .leftValue: break
        case .tooLate: parker._parkUninterruptibly()
        }
        parker._postpone(error)
    }
}

private func block(on source: _FutureCore, timeout: Duration?, observing: Bool, cancelling: Bool) throws {
    let waiter = ThreadWaiter()
    guard source._attach(waiter, observing: observing, waking: true) else { return }
    let deadline = timeout.map { LoopInstant.now.advanced(by: $0) } ?? .distantFuture
    if waiter.wait(until: deadline) { return }
    let operation = source._summary
    switch source._leave(waiter, cancelling: cancelling) {
    case .left: throw TimedOut(after: timeout ?? .zero, waitingFor: operation)
    case .leftValue: return
    case .tooLate: _ = waiter.wait(until: .distantFuture)
    }
}

/// A blocked thread's observer.
// SAFETY: immutable; the parker is made for use from several threads.
private final class ThreadWaiter: _Node, @unchecked Sendable {
    private let parker = ThreadParker()

    func wait(until deadline: LoopInstant) -> Bool { parker.wait(until: deadline) }
    override func _sourceCompleted(_ source: _FutureCore) { parker.wake() }
}

/// What came of a wait that gave up.
private enum Leaving {
    /// The observer will not be called.
    case left
    /// The same, and the source has come to a value, which nobody else may be left to take.
    case leftValue
    /// The observer is about to be called, or was.
    case tooLate
}

extension _FutureCore {
    fileprivate final func _leave(_ waiter: _Node, cancelling: Bool) -> Leaving {
        guard cancelling else { return _withdraw(waiter) ? .left : .tooLate }
        return _cancel(waiter) == .tooLate ? .tooLate : _hasValue ? .leftValue : .left
    }

    /// Waits for the end, however it comes, and without observing the outcome: a failure nobody else sees is reported.
    package final func _waitUntilDone(timeout: Duration?) throws {
        if _isDone { return }
        try _blockUntilDone(self, timeout: timeout, observing: false)
    }
}
