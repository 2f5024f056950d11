// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CSignals
import Greenlets

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A POSIX signal, by its number.
///
///     for try await delivery in Signal.hangup.stream() { reload() }       // async code
///     let first = try Signal.terminate.next().wait()                       // a greenlet, or a plain thread
///     let handler = try Signal.user1.handle(on: loop) { delivery in … }    // a callback
///
/// A signal is an ``/Futures/EventSource`` of the whole process, see ``SignalSource`` for what all its verbs promise.
public struct Signal: RawRepresentable, Sendable, Hashable {
    /// The number.
    public let rawValue: Int32

    /// The signal with a number. Whether there is one, and whether it can be caught, is found out when a verb is used.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// The terminal was closed; by custom: read the configuration again.
    public static let hangup = Signal(rawValue: SIGHUP)
    /// Ctrl-C.
    public static let interrupt = Signal(rawValue: SIGINT)
    /// Ctrl-\\.
    public static let quit = Signal(rawValue: SIGQUIT)
    /// The polite request to end.
    public static let terminate = Signal(rawValue: SIGTERM)
    /// The program's own.
    public static let user1 = Signal(rawValue: SIGUSR1)
    /// The program's own.
    public static let user2 = Signal(rawValue: SIGUSR2)
    /// A child has ended, stopped or gone on; see ``ChildProcess``.
    public static let child = Signal(rawValue: SIGCHLD)
    /// A timer of `alarm` or `setitimer`.
    public static let alarm = Signal(rawValue: SIGALRM)
    /// Something was written to a peer that is gone. Loops ignore it.
    public static let brokenPipe = Signal(rawValue: SIGPIPE)
    /// The size of the terminal has changed.
    public static let windowChange = Signal(rawValue: SIGWINCH)
    /// Ctrl-Z.
    public static let terminalStop = Signal(rawValue: SIGTSTP)
    /// A stopped process goes on.
    public static let resume = Signal(rawValue: SIGCONT)
    /// Stops the process; cannot be caught.
    public static let stop = Signal(rawValue: SIGSTOP)
    /// Ends the process; cannot be caught.
    public static let kill = Signal(rawValue: SIGKILL)

    /// Sends the signal to this process, as `kill(getpid(), …)` does: one of its threads receives it.
    ///
    /// - Errors: ``SignalUnavailable`` for a number that is no signal's.
    public func raise() throws {
        let error = rawValue == 0 ? EINVAL : sy_signal_raise(rawValue)
        if error != 0 { throw SignalUnavailable(self, .outOfRange(last: sy_signal_last())) }
    }
}

extension Signal: CustomStringConvertible {
    private static let names: [Int32: String] = [
        SIGHUP: "SIGHUP", SIGINT: "SIGINT", SIGQUIT: "SIGQUIT", SIGILL: "SIGILL", SIGTRAP: "SIGTRAP",
        SIGABRT: "SIGABRT",
        SIGBUS: "SIGBUS", SIGFPE: "SIGFPE", SIGKILL: "SIGKILL", SIGUSR1: "SIGUSR1", SIGSEGV: "SIGSEGV",
        SIGUSR2: "SIGUSR2", SIGPIPE: "SIGPIPE", SIGALRM: "SIGALRM", SIGTERM: "SIGTERM", SIGCHLD: "SIGCHLD",
        SIGCONT: "SIGCONT", SIGSTOP: "SIGSTOP", SIGTSTP: "SIGTSTP", SIGTTIN: "SIGTTIN", SIGTTOU: "SIGTTOU",
        SIGURG: "SIGURG", SIGXCPU: "SIGXCPU", SIGXFSZ: "SIGXFSZ", SIGVTALRM: "SIGVTALRM", SIGPROF: "SIGPROF",
        SIGWINCH: "SIGWINCH", SIGIO: "SIGIO", SIGSYS: "SIGSYS",
    ]

    /// `SIGUSR1`; `signal 40` for one without a name.
    public var description: String { Self.names[rawValue] ?? "signal \(rawValue)" }
}

extension Signal {
    /// Why no handler of ours can ever be called for it.
    var obstacle: SignalUnavailable.Reason? {
        let last = sy_signal_last()
        return switch rawValue {
        case ..<1, (last + 1)...: .outOfRange(last: last)
        case SIGKILL, SIGSTOP: .uncatchable
        case SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT: .fault
        default: nil
        }
    }

    /// Makes the signal the registry's.
    func install() throws(SignalUnavailable) { unsafe try verify(sy_signal_install(rawValue)) }

    /// Somebody may have taken it since.
    func check() throws(SignalUnavailable) { unsafe try verify(sy_signal_check(rawValue)) }

    /// Gives it back.
    ///
    /// - Returns: False if another handler has come in between, which stays.
    func restore() -> Bool { sy_signal_restore(rawValue) }

    private func verify(_ claim: sy_signal_claim) throws(SignalUnavailable) {
        switch unsafe claim.error {
        case 0: return
        case -1: throw SignalUnavailable(self, .held(by: unsafe Self.owner(of: claim.foreign)))
        case EINVAL: throw SignalUnavailable(self, .reserved)
        case let code: throw SignalUnavailable(self, .system(code))
        }
    }

    /// Names whose code a handler is.
    private static func owner(of handler: UnsafeRawPointer?) -> String {
        var file: UnsafePointer<CChar>?
        var name: UnsafePointer<CChar>?
        // Null and one are the system's own: SIG_DFL and SIG_IGN.
        guard let handler = unsafe handler, UInt(bitPattern: handler) > 1 else {
            return "somebody who has put back the system's own disposition meanwhile"
        }
        if unsafe Sampler.owns(handler) {
            return "a monitor of hubs (HubMonitor), which looks at threads by this signal until it is stopped"
        }
        unsafe sy_code_owner(handler, &file, &name)
        guard let file = unsafe file else { return unsafe "a handler at \(handler)" }
        let path = unsafe String(cString: file)
        let base = path.split(separator: "/").last.map(String.init) ?? path
        if base.hasPrefix("libdispatch") { return "Dispatch (a signal source of \(base))" }
        guard let name = unsafe name else { return "a handler in \(base)" }
        return unsafe "\(String(cString: name)) in \(base)"
    }
}
