// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures
import Greenlets

extension Awaitable where Success: Sendable {
    /// Blocks until the outcome is there or a signal comes: parks the greenlet that calls, or blocks a plain thread.
    ///
    ///     do { try job.wait(interruptedBy: .interrupt) } catch let stop as Interrupted { … }   // Ctrl-C
    ///
    /// The signals are handled while this waits, and do what they did before as soon as it returns. An outcome that has come
    /// wins over a signal: then the signal is passed on, by raising it again, unless somebody else handles it.
    ///
    /// - Executor: Returns on the calling greenlet or thread. Legal where `wait()` is.
    /// - Cancellation: A signal and a timeout leave the source. One that is more than this wait's, such as a future, a task or
    ///   a greenlet, goes on and keeps its value. The run of a `Call` is cancelled; a value that comes too late for that goes
    ///   to its `Promise.onDispose`. A kill of the greenlet cancels the source, as in `wait()`.
    /// - Errors: ``Interrupted``; ``SignalUnavailable`` and ``SignalsForked`` before anything is started; what `wait()`
    ///   throws.
    @available(*, noasync, message: "use `Future.race` with `signal.next()`")
    @discardableResult
    public func wait(interruptedBy signals: Signal..., timeout: Duration? = nil) throws -> Success {
        try wait(interruptedBy: SignalSource(signals), timeout: timeout)
    }

    /// Blocks until the outcome is there or one of the source's signals comes, like `wait(interruptedBy: .interrupt)`.
    @available(*, noasync, message: "use `Future.race` with `source.next()`")
    @discardableResult
    public func wait(interruptedBy signals: SignalSource, timeout: Duration? = nil) throws -> Success {
        let isPrepared = self is any _Prepared
        if isPrepared, case .refused(let error) = WaitContext.current { throw error }
        let interruption = try Interruption(by: signals)
        defer { interruption.end() }
        let source: Future<Success> = future()
        let registration = source.callback { _ in interruption.wake() }
        let failure = interruption.failureOfWait(for: source, timeout: timeout)
        // Before it is cancelled, while it knows its label.
        let operation = source.isCompleted ? "" : source._summary
        // A kill cancels, as in every wait. So does leaving a run, which nobody else could reach.
        let isKilled = failure.map { !($0 is TimedOut || $0 is WouldDeadlock || $0 is Deadlock) } ?? false
        let hasLeft = isPrepared || isKilled ? registration.cancel() == .stopped : registration.withdraw()
        // Who could not leave has an outcome, unless it is a producer that does not stop.
        if !hasLeft, source.isCompleted || !(isPrepared || isKilled) {
            if isKilled, let failure, case .greenlet(let parker) = WaitContext.current { parker._postpone(failure) }
            return try source.wait()
        }
        if let failure = failure as? TimedOut {
            throw TimedOut(after: failure.limit, waitingFor: operation, cancelling: isPrepared)
        }
        if let failure { throw failure }
        throw Interrupted(signal: interruption.tell(), operation: operation, cancelling: isPrepared)
    }
}
