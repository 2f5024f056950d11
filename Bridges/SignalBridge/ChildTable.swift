// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CSignals
import Futures

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The children that are to be reaped. SIGCHLD says that some have ended, not which: each is looked at.
final class ChildTable: Sendable {
    fileprivate struct State {
        var children: [Int32: Future<ChildStatus>] = [:]
        /// There while there are children.
        var subscription: Subscription?
    }

    private let state = Lock(State())

    /// Takes a child over.
    ///
    /// - Errors: ``ChildUnavailable``; what keeps SIGCHLD from being handled.
    func adopt(_ process: Int32, in core: SignalCore) throws -> Future<ChildStatus> {
        guard process > 0 else { throw ChildUnavailable(process: process, reason: .notOneProcess) }
        let exit = Future<ChildStatus>.pending()
        // A consumer that leaves is never the last: the child goes on, and so does the future.
        exit.callback { _ in }
        exit._setCanceller { .tooLate }
        return try state.withLock { state in
            if let known = state.children[process] { return known }
            // First the handler, then the look: an end between the two is seen by the one or the other.
            if state.subscription == nil { state.subscription = try subscribe(in: core) }
            defer { state.leaveIfEmpty() }
            switch Self.look(at: process) {
            case .running: state.children[process] = exit
            case .ended(let outcome): _ = exit._complete(outcome)
            case .missing: throw ChildUnavailable(process: process, reason: .noChild)
            }
            return exit
        }
    }

    private func subscribe(in core: SignalCore) throws -> Subscription {
        let consumer = _Consumer<SignalDelivery>(demand: .unlimited) { event in
            switch event {
            case .next: self.reap()
            case .end(let error): self.lost(error, core)
            }
        }
        let handler = core.subscriber(to: [.child], consumer)
        try core.add(handler, to: [.child])
        return handler.subscription
    }

    private func reap() {
        let ended = state.withLock { state in
            let ended = state.children.compactMap { process, exit in
                Self.outcome(of: process).map { (process, exit, $0) }
            }
            for (process, _, _) in ended { state.children[process] = nil }
            state.leaveIfEmpty()
            return ended.sorted { $0.0 < $1.0 }
        }
        for (_, exit, outcome) in ended { _ = exit._complete(outcome) }
    }

    /// The registry's loop was stopped under the handler: another one takes over, if it can.
    private func lost(_ error: (any Error)?, _ core: SignalCore) {
        let orphans = state.withLock { state in
            state.subscription = nil
            if state.children.isEmpty { return [Future<ChildStatus>]() }
            do {
                state.subscription = try subscribe(in: core)
                return []
            } catch {
                defer { state.children = [:] }
                return Array(state.children.values)
            }
        }
        for exit in orphans { _ = exit._complete(.failure(error ?? CancellationError())) }
        reap()
    }

    private enum Look {
        case running
        case ended(Result<ChildStatus, any Error>)
        case missing
    }

    private static func look(at process: Int32) -> Look {
        let state = sy_child_reap(process)
        return switch state.kind {
        case 0: .running
        case 1: .ended(.success(.exited(state.value)))
        case 2: .ended(.success(.killed(by: Signal(rawValue: state.value), dumpedCore: state.dumped_core)))
        case _ where state.value == ECHILD: .missing
        default: .ended(.failure(ChildUnavailable(process: process, reason: .system(state.value))))
        }
    }

    /// What became of a child that was there before; nil while it runs.
    private static func outcome(of process: Int32) -> Result<ChildStatus, any Error>? {
        switch look(at: process) {
        case .running: nil
        case .ended(let outcome): outcome
        case .missing: .failure(ChildUnavailable(process: process, reason: .reapedElsewhere))
        }
    }
}

extension ChildTable.State {
    /// Without children SIGCHLD does what it did before. The handler's end calls nobody.
    mutating func leaveIfEmpty() {
        guard children.isEmpty else { return }
        subscription?.cancel()
        subscription = nil
    }
}
