// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

extension Deferred {
    /// Cancels the Deferred after a while; the `CancellationError` this leads to becomes ``/Futures/TimedOut``
    /// (Twisted: Deferred.addTimeout).
    ///
    /// It covers what was added before it: a result that comes through disarms the timer, so that later stages, and the
    /// Deferreds they return, take as long as they like. A canceller's own value or error wins over the timeout, and a
    /// cancellation by somebody else stays one.
    ///
    /// - Executor: The timer runs on `loop`; by default on the current loop, or a background thread where there is none.
    /// - Errors: ``/Futures/TimedOut``; ``/Futures/LoopClosed`` if the loop stops first.
    /// - Parameter translate: Makes the result of what the cancellation came to, instead of `TimedOut`; it is called only
    ///   when the time was over.
    /// - Returns: This Deferred.
    @discardableResult
    public func addTimeout(
        _ limit: Duration,
        on loop: (any Loop)? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        translate: (@Sendable (Result<Success, any Error>, Duration) throws -> Success)? = nil
    ) -> Deferred<Success> {
        let loop = loop ?? CurrentLoop.currentOrBackground
        let alarm = DeferredAlarm()
        alarm.arm(limit, on: loop) { [weak self] in self?.cancel() }
        let label = label
        addBoth(fileID: fileID, line: line) { result in
            switch alarm.disarm() {
            case nil: return try result.get()
            case .closed(let loop)?:
                guard case .failure(is CancellationError) = result else { return try result.get() }
                throw LoopClosed(loop: loop, operation: "a timeout was pending")
            case .over?:
                if let translate { return try translate(result, limit) }
                guard case .failure(is CancellationError) = result else { return try result.get() }
                let operation = "Deferred<\(Success.self)>\(label.map { " \"\($0)\"" } ?? "")"
                throw TimedOut(after: limit, waitingFor: operation, cancelling: true)
            }
        }
        return self
    }
}

/// A timer that cancels, and remembers whether it did.
private final class DeferredAlarm: Sendable {
    enum Cause {
        case over
        case closed(loop: String)
    }

    private struct State {
        var cause: Cause?
        var isDisarmed = false
        var timers: [LoopTimer] = []
    }

    private let state = Lock(State())

    func arm(_ limit: Duration, on loop: any Loop, _ cancel: @escaping @Sendable () -> Void) {
        let name = loop.name
        keep(
            loop.whenClosed { [weak self] in
                if self?.ring(.closed(loop: name)) == true { cancel() }
            }
        )
        keep(
            loop.schedule(after: limit) { [weak self] in
                if self?.ring(.over) == true { cancel() }
            }
        )
    }

    /// The result has come, in whatever way: why it was cancelled, if it was from here.
    func disarm() -> Cause? {
        let (cause, timers) = state.withLock { state in
            state.isDisarmed = true
            defer { state.timers = [] }
            return (state.cause, state.timers)
        }
        for timer in timers { timer.cancel() }
        return cause
    }

    private func ring(_ cause: Cause) -> Bool {
        state.withLock { state in
            guard !state.isDisarmed, state.cause == nil else { return false }
            state.cause = cause
            return true
        }
    }

    private func keep(_ timer: LoopTimer) {
        let isLate = state.withLock { state in
            if !state.isDisarmed { state.timers.append(timer) }
            return state.isDisarmed
        }
        if isLate { timer.cancel() }
    }

    deinit {
        // The Deferred was dropped, and its stages with it.
        for timer in state.withLock({ $0.timers }) { timer.cancel() }
    }
}
