// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// A signal cannot be handled here.
public struct SignalUnavailable: Error, Sendable, CustomStringConvertible {
    /// Why it cannot.
    public enum Reason: Sendable, Hashable {
        /// The kernel lets nobody catch it.
        case uncatchable
        /// A thread causes it by a fault of its own, and would repeat the fault after the handler.
        case fault
        /// There is no signal with this number.
        case outOfRange(last: Int32)
        /// The C library keeps this number for itself.
        case reserved
        /// Somebody else has installed a handler.
        case held(by: String)
        /// Another error number of the system.
        case system(Int32)
    }

    /// Which signal.
    public let signal: Signal
    /// Why it cannot be handled.
    public let reason: Reason

    init(_ signal: Signal, _ reason: Reason) {
        self.signal = signal
        self.reason = reason
    }

    /// What happened, where it began, what to do.
    public var description: String {
        let text =
            switch reason {
            case .uncatchable:
                "the kernel lets no process catch it. Handle SIGTERM or SIGTSTP, which precede it by custom."
            case .fault:
                "a thread causes it by a fault, which it would repeat for ever if the process went on. Leave it to a crash"
                    + " reporter."
            case .outOfRange(let last): "signals have the numbers 1 to \(last). Use one of the constants of Signal."
            case .reserved: "the C library keeps the number for itself. Use another one."
            case .held(let owner):
                "it is handled by \(owner), and a signal has one handler in a process. Remove that one first, or handle the"
                    + " signal there."
            case .system(let code): "the system refused it with error \(code)."
            }
        return "SignalUnavailable: \(signal) cannot be handled by Switchyard: \(text)"
    }
}

/// Signals were used in a forked child, whose registry is the parent's.
public struct SignalsForked: Error, Sendable, CustomStringConvertible {
    /// What was to be done.
    public let operation: String
    /// Whether re-initialising does not help.
    private let isParents: Bool

    init(operation: String) {
        self.operation = operation
        isParents = false
    }

    /// For a child of the parent's.
    init(waitingFor process: Int32) {
        operation = "waiting for process \(process)"
        isParents = true
    }

    /// What happened, where it began, what to do.
    public var description: String {
        if isParents {
            return
                "SignalsForked: \(operation) in a forked child: the parent started it, and the kernel lets nobody else wait."
                + " Wait in the parent, or start the process in the child, after Signals.reinitializeAfterFork()."
        }
        return
            "SignalsForked: \(operation) in a forked child, where the registry of signals is a copy of the parent's without"
            + " its thread. Call Signals.reinitializeAfterFork() in the child first, or start it with posix_spawn."
    }
}

/// A signal came before the outcome that was waited for.
public struct Interrupted: Error, Sendable, CustomStringConvertible {
    /// Which signal.
    public let signal: Signal
    /// What was waited for.
    public let operation: String
    /// Whether the operation was cancelled then, unless others observe it.
    public let cancelling: Bool

    /// What happened, where it began, what to do.
    public var description: String {
        "Interrupted: \(signal) came before \(operation) was complete."
            + (cancelling
                ? " It was cancelled, unless others observe it. To try again, start it again."
                : " It goes on; a later wait may still succeed.")
    }
}

/// A child process cannot be waited for.
public struct ChildUnavailable: Error, Sendable, CustomStringConvertible {
    /// Why it cannot.
    public enum Reason: Sendable, Hashable {
        /// The number names a group of processes, or none.
        case notOneProcess
        /// The process is no child of this one, or was waited for before, maybe by the kernel.
        case noChild
        /// Somebody else waited for it first, and has its exit status; or nobody has, because SIGCHLD was ignored.
        case reapedElsewhere
        /// Another error number of the system.
        case system(Int32)
    }

    /// The process's number.
    public let process: Int32
    /// Why it cannot be waited for.
    public let reason: Reason

    /// What happened, where it began, what to do.
    public var description: String {
        let text =
            switch reason {
            case .notOneProcess:
                "the number has to be one process's, above zero. Pass what fork or posix_spawn returned."
            case .noChild:
                "it is no child of this process, or was waited for before. Make one ChildProcess as soon as the child is"
                    + " started, and share it. While SIGCHLD is ignored, nothing is left of a child that has ended."
            case .reapedElsewhere:
                "somebody else waited for it first, and has its exit status, or nobody has, because SIGCHLD was ignored."
                    + " Leave the waiting to one of the two, beware of waitpid(-1), and do not ignore SIGCHLD."
            case .system(let code): "the system refused it with error \(code)."
            }
        return "ChildUnavailable: process \(process) cannot be waited for: \(text)"
    }
}

/// The last owner of a registry let it go: nothing will be posted to its topics any more.
public struct RegistryClosed: Error, Sendable, CustomStringConvertible {
    /// The registry's name.
    public let name: String

    /// What happened, where it began, what to do.
    public var description: String {
        "RegistryClosed: registry \(name) was released while somebody listened to it, so that nobody could have posted to it."
            + " Keep it as long as somebody listens, and close it when there is nothing more to come."
    }
}
