// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import Synchronization

/// A handler that is called any number of times, until somebody ends that.
final class Repetition<Element: Sendable>: Sendable {
    typealias Handler = @Sendable (Element) -> Void

    /// What became of one call.
    enum Answer {
        /// The handler has run, or its executor has accepted the call.
        case delivered
        /// It came after the end.
        case ended
        /// The executor has stopped.
        case refused(executor: String)
    }

    private let executor: (any CallbackExecutor)?
    private let handler: Lock<Handler?>
    /// Calls that the executor has not come to yet do not count either.
    private let isRevoked = Atomic(false)

    init(on executor: (any CallbackExecutor)?, _ handler: @escaping Handler) {
        self.executor = executor
        self.handler = Lock(handler)
    }

    func call(_ element: Element) -> Answer {
        guard let handler = handler.withLock({ $0 }) else { return .ended }
        guard let executor else {
            handler(element)
            return .delivered
        }
        let passage = Passage(to: self, on: executor._diagnosticName)
        let isAccepted = executor.tryPost { if passage.arrive() { handler(element) } }
        if !isAccepted { passage.refuse() }
        return isAccepted ? .delivered : .refused(executor: executor._diagnosticName)
    }

    /// One call on its way: an executor that is released unstopped throws away what it has accepted.
    // SAFETY: `isOver` is touched by the one call, or by `deinit`.
    private final class Passage: @unchecked Sendable {
        private let repetition: Repetition
        private let executor: String
        @safe @exclusivity(unchecked) private var isOver = false

        init(to repetition: Repetition, on executor: String) {
            self.repetition = repetition
            self.executor = executor
        }

        /// Whether the handler is to run.
        func arrive() -> Bool {
            isOver = true
            return !repetition.isRevoked.load(ordering: .acquiring)
        }

        func refuse() { isOver = true }

        deinit {
            if isOver || repetition.isRevoked.load(ordering: .acquiring) { return }
            Repetition.reportLoss(LoopClosed(loop: executor, operation: "a repeated call was to be delivered"))
        }
    }

    fileprivate static func reportLoss(_ error: LoopClosed) { Reporter.report(.message("a call was lost. \(error)")) }

    /// Accepts no further call; what the executor was given before still arrives.
    ///
    /// - Returns: True the first time.
    @discardableResult
    func close() -> Bool {
        // Destroyed after the lock is released: it may own anything.
        let handler = handler.withLock { $0.take() }
        return handler != nil
    }

    /// Accepts no further call and takes back what the executor has not come to.
    ///
    /// - Returns: True the first time.
    @discardableResult
    func revoke() -> Bool {
        isRevoked.store(true, ordering: .releasing)
        return close()
    }
}

extension Repetition.Answer {
    /// Whether the call was delivered; reports one that was refused.
    func isDelivered(of what: String, at site: @autoclosure () -> SourceSite) -> Bool {
        switch self {
        case .delivered: return true
        case .ended: return false
        case .refused(let executor):
            let operation = "a call of \(what) at \(site()) was to be delivered"
            Repetition.reportLoss(LoopClosed(loop: executor, operation: operation))
            return false
        }
    }
}
