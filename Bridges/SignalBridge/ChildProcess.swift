// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// A child process, which completes when it has ended.
///
///     let child = try ChildProcess(id: pid)               // what fork or posix_spawn returned
///     let status = try child.wait(timeout: .seconds(5))   // or try await child.value, child.callback { … }
///
/// From its making on the child is reaped when it ends, whether or not somebody waits for that. Children of which nobody has
/// made one are left alone. Any number of waiters get the status, also after the end.
///
/// While there are such children SIGCHLD is handled by the registry of signals.
///
/// - Executor: Completes on the thread that Switchyard keeps for signals.
/// - Cancellation: Leaving leaves the child running. To end it, send it a signal.
/// - Errors: ``ChildUnavailable`` if somebody else waited for the child and took its status.
public struct ChildProcess: Awaitable, CustomStringConvertible {
    /// How it ended.
    public typealias Success = ChildStatus

    /// The process's number.
    public let id: Int32
    private let exit: Future<ChildStatus>

    /// Takes over a child that this process has started.
    ///
    /// - Errors: ``ChildUnavailable`` if there is no such child; ``SignalUnavailable`` if somebody else handles SIGCHLD;
    ///   ``SignalsForked``.
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
        exit.observe(observer)
    }

    /// The future of the exit status.
    public var _core: Unmanaged<_FutureCore>? {
        // SAFETY: this value keeps it.
        unsafe .passUnretained(exit)
    }

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
