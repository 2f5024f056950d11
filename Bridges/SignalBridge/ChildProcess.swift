// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures
package import Synchronization

/// A child process, which completes when it has ended.
///
///     let child = try ChildProcess(id: pid)               // what fork or posix_spawn returned
///     let status = try child.wait(timeout: .seconds(5))   // or try await child.value, child.callback { … }
///
/// From its making on the child is reaped when it ends, whether or not somebody waits for that. Children of which nobody has
/// made one are left alone. Any number of waiters get the status, also after the end.
///
/// On Linux a descriptor tells of the end (pidfd), one for each child that runs: what the process does about SIGCHLD is the
/// user's affair. Elsewhere, and where the kernel gives no descriptor, the registry of signals handles SIGCHLD while there
/// are such children; if somebody else has the signal, an end is seen within a second.
///
/// - Executor: Completes on the thread that Switchyard keeps for signals.
/// - Cancellation: Leaving leaves the child running. To end it, send it a signal.
/// - Errors: ``ChildUnavailable`` if somebody else waited for the child and took its status, or the kernel did, because
///   SIGCHLD is ignored; ``SignalsForked`` in a forked child of this process, unless the end was known by then.
public struct ChildProcess: Awaitable, CustomStringConvertible {
    /// How it ended.
    public typealias Success = ChildStatus

    /// The process's number.
    public let id: Int32
    private let exit: ChildExit

    /// Takes over a child that this process has started.
    ///
    /// - Errors: ``ChildUnavailable`` if there is no such child; ``SignalsForked``; what keeps the registry's thread from
    ///   starting.
    public init(id: Int32) throws {
        self.id = id
        let core = try SignalCore.current(for: "waiting for process \(id)")
        exit = try core.children.adopt(id, in: core)
    }

    /// The exit status of a child, for callers that want no `ChildProcess`: each verb makes one.
    public static func exit(of id: Int32) -> Call<ChildStatus> { Call(from: { try ChildProcess(id: id) }) }

    /// Registers an observer of the end.
    ///
    /// - Executor: The thread that Switchyard keeps for signals; the caller's if the child has ended.
    public func observe(_ observer: @escaping @Sendable (Result<ChildStatus, any Error>) -> Void) -> Registration {
        exit.future.observe(observer)
    }

    /// The future of the exit status.
    public var _core: Unmanaged<_FutureCore>? {
        // SAFETY: this value keeps it.
        unsafe .passUnretained(exit.future)
    }

    /// For tests: whether to do as if the kernel gave no descriptors of processes.
    package static let _refusesDescriptors = Atomic<Bool>(false)

    /// `process 42`.
    public var description: String { "process \(id)" }
}

/// How a process ended.
public enum ChildStatus: Sendable, Hashable, CustomStringConvertible {
    /// By itself, with this code.
    case exited(Int32)
    /// By a signal.
    case killed(by: Signal, dumpedCore: Bool)

    /// Whether the process exited with code 0.
    public var isSuccess: Bool { self == .exited(0) }

    /// `exited with 0`, `killed by SIGTERM`.
    public var description: String {
        switch self {
        case .exited(let code): "exited with \(code)"
        case .killed(let signal, let dumpedCore): "killed by \(signal)\(dumpedCore ? ", core dumped" : "")"
        }
    }
}
