// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CSignals
import Futures
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// One child of this process, as the kernel shows it.
struct Child: Sendable {
    let process: Int32
    let exit: ChildExit
    /// Readable when the child has ended (Linux: pidfd). Negative if there is none to be had.
    let descriptor: Int32
    /// Whether nothing tells of the end.
    var isPolled: Bool

    enum Look {
        case running
        case ended(Result<ChildStatus, any Error>)
        case missing
    }

    init(_ process: Int32, _ exit: ChildExit) {
        self.process = process
        self.exit = exit
        descriptor = ChildProcess._refusesDescriptors.load(ordering: .relaxed) ? -ENOSYS : sy_child_open(process)
        isPolled = descriptor < 0
    }

    /// Reaps the child if it has ended.
    func look() -> Look {
        let state = sy_child_reap(process, descriptor)
        return switch state.kind {
        case 0: .running
        case 1: .ended(.success(.exited(state.value)))
        case 2: .ended(.success(.killed(by: Signal(rawValue: state.value), dumpedCore: state.dumped_core)))
        case _ where state.value == ECHILD: .missing
        default: .ended(.failure(ChildUnavailable(process: process, reason: .system(state.value))))
        }
    }

    /// What became of a child that was there before, which is reaped; nil while it runs.
    var outcome: Result<ChildStatus, any Error>? {
        switch look() {
        case .running: nil
        case .ended(let outcome): outcome
        case .missing: .failure(ChildUnavailable(process: process, reason: .reapedElsewhere))
        }
    }

    /// Gives the descriptor back. Once, when nobody watches it.
    func close() {
        guard descriptor >= 0 else { return }
        sy_child_close(descriptor)
    }
}

/// The end of a child, in the process that has the child. In one forked from that it is an error, unless it was known.
final class ChildExit: Sendable {
    private let process: Int32
    private let own = Future<ChildStatus>.pending()
    private let generation = sy_signals_generation()
    /// Lock-free: a lock of the parent's may be taken for ever.
    private let elsewhere = AtomicLazyReference<Future<ChildStatus>>()

    init(of process: Int32) {
        self.process = process
        // A consumer that leaves is never the last: the child goes on, and so does the future.
        own.callback { _ in }
        own._setCanceller { .tooLate }
    }

    var future: Future<ChildStatus> {
        if own.isCompleted || sy_signals_generation() == generation { return own }
        if let known = elsewhere.load() { return known }
        let refusal = Future<ChildStatus>.failed(SignalsForked(waitingFor: process))
        // A report would start a thread.
        refusal._markObserved()
        return elsewhere.storeIfNil(refusal)
    }

    func complete(_ outcome: Result<ChildStatus, any Error>) { _ = own._complete(outcome) }
}
