// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

extension Deferred: Awaitable {
    /// Registers an observer of the result behind the stages added so far.
    ///
    /// The result passes: later stages get it as it was. A failure counts as handled by an observer, but not for a stage that
    /// fails later. (Twisted's asFuture takes the result away, and leaves None.)
    ///
    /// - Executor: Runs in its place among the stages, see ``Deferred``.
    /// - Cancellation: The last observer that leaves through the registration's `cancel()` cancels the Deferred, unless
    ///   another Deferred waits for its result.
    /// - Errors: Behind a hand-over it gets ``DeferredResultMoved``, behind `then` with a report. `BrokenPromise` if the
    ///   Deferred is dropped before it fired.
    public func observe(
        _ observer: @escaping @Sendable (Result<Success, any Error>) -> Void
    ) -> Registration {
        let observer = Observer(handles: true) { observer(Self.unbox($0)) }
        add(.observe(observer), "an observer")
        if observer.wasCalled { return .spent }
        // Weak: who observes does not keep alive what has to fire, so that a Deferred that was dropped is noticed.
        return Registration(
            withdraw: { [weak self] in self?.remove(observer) != nil },
            cancel: { [weak self] in
                guard let self, let isLast = remove(observer) else { return .tooLate }
                if isLast { cancel() }
                return .stopped
            }
        )
    }

    /// Removes an observer: nil if it has been called, or will be; else whether nobody wants the result any more.
    private func remove(_ observer: Observer) -> Bool? {
        let (removed, isLast) = state.withLock { state in
            let removed = state.stages.removeFirst { stage in
                if case .observe(let other) = stage { other === observer } else { false }
            }
            return (removed, !state.stages.contains(where: \.isConsumer))
        }
        if removed == nil { return nil }
        observer.forget()
        return isLast
    }

    /// Watches the result for a combinator. A failure counts as handled if it `handles`.
    func watch(handles: Bool, _ body: @escaping @Sendable (Result<Success, any Error>) -> Void) {
        add(.observe(Observer(handles: handles) { body(Self.unbox($0)) }))
    }

    /// The result behind the stages added so far, awaited.
    ///
    /// - Executor: Resumes where the caller runs.
    /// - Cancellation: Cancelling the task leaves the Deferred, which is cancelled if nobody else observes it, and throws
    ///   `CancellationError` at once. In the body of ``inlineCallbacks(_:fileID:line:_:)`` a cancellation of that reaches
    ///   this Deferred alone: what it comes to is thrown or returned here, and the body goes on.
    /// - Errors: The Deferred's own.
    public var value: Success {
        get async throws {
            guard let frame = InlineFrame.current else { return try await future().value }
            frame.enter(self)
            defer { frame.leave(self) }
            return try await future().value
        }
    }
}

/// One observer in the line of the stages.
final class Observer: Sendable {
    let handles: Bool
    private let body: Lock<(@Sendable (Result<any Sendable, any Error>) -> Void)?>

    init(handles: Bool, _ body: @escaping @Sendable (Result<any Sendable, any Error>) -> Void) {
        self.handles = handles
        self.body = Lock(body)
    }

    /// Called by the one run that has taken it out of the line.
    func call(with result: Result<any Sendable, any Error>) {
        // A registration that is kept keeps the observer, but not what the body owns.
        let body = body.withLock { body in
            defer { body = nil }
            return body
        }
        body?(result)
    }

    /// Will not be called. What the body owns goes at once.
    func forget() {
        let body = body.withLock { body in
            defer { body = nil }
            return body
        }
        _ = consume body
    }

    var wasCalled: Bool { body.withLock { $0 == nil } }
}
