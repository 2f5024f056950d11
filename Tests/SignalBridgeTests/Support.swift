// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CSignals
import ConversionTesting
import Foundation
import Futures
import SignalBridge
import Testing

/// All tests of this module, one after the other: signals belong to the process.
@Suite("SignalBridge", .serialized) enum SignalBridgeTests {}

/// What happened, in order, from any thread.
final class Log<Entry: Sendable>: Sendable {
    private let entries = Futures.Lock<[Entry]>([])
    func add(_ entry: Entry) { entries.withLock { $0.append(entry) } }
    var all: [Entry] { entries.withLock { $0 } }
    var count: Int { all.count }
}

extension Log<SignalDelivery> {
    /// How many deliveries there were, whatever they came in.
    var sum: Int { all.reduce(0) { $0 + $1.count } }
}

struct HandlerFailed: Error, Equatable {}

extension Result {
    func isFailure<Cause: Error>(of type: Cause.Type) -> Bool {
        if case .failure(let error) = self { error is Cause } else { false }
    }
}

extension Future {
    /// The error of a future that has to have failed.
    var failure: (any Error)? {
        if case .failure(let error)? = outcome { error } else { nil }
    }
}

/// Holds the thread of the registry in a handler.
final class Hold: Sendable {
    private let entered = Future<Void>.pending()
    private let parker = ThreadParker()
    private let subscription: Subscription

    init(with signal: Signal) async throws {
        subscription = try signal.handle { [entered, parker] _ in
            if entered._succeed(()) { _ = parker.wait() }
        }
        try signal.raise()
        try await entered.value
    }

    func end() {
        subscription.cancel()
        parker.wake()
    }
}

/// Sends the signal to the calling thread, which handles it before this returns.
func raiseHere(_ signal: Signal, times: Int = 1) {
    sy_signal_unblock(signal.rawValue)
    for _ in 0..<times { _ = raise(signal.rawValue) }
}

/// What the process does about the signal now.
func disposition(of signal: Signal) -> (handler: UInt, flags: Int32) {
    var current = sigaction()
    _ = unsafe sigaction(signal.rawValue, nil, &current)
    #if canImport(Darwin)
    let handler = unsafe current.__sigaction_u.__sa_handler
    #else
    let handler = unsafe current.__sigaction_handler.sa_handler
    #endif
    // The C library adds a flag of its own, SA_RESTORER, to all it sets.
    let flags = Int32(current.sa_flags) & ~0x0400_0000
    return (unsafe unsafeBitCast(handler, to: UInt.self), flags)  // SAFETY: a pointer, compared only.
}

/// Starts a shell that runs the text.
func startShell(_ script: String) throws -> Int32 {
    var process: Int32 = 0
    let words = ["/bin/sh", "-c", script]
    var arguments: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) } + [nil]
    defer { unsafe arguments.forEach { unsafe free($0) } }
    // The threads of tasks block signals, and a child would inherit that.
    var attributes = posix_spawnattr_t()
    var nothing = sigset_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    unsafe sigemptyset(&nothing)
    unsafe posix_spawnattr_setsigmask(&attributes, &nothing)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    let error = unsafe posix_spawn(&process, "/bin/sh", nil, &attributes, &arguments, environ)
    guard error == 0 else { throw HandlerFailed() }
    return process
}

/// Whether there is such a process, or what is left of it until it is reaped.
func exists(_ process: Int32) -> Bool { kill(process, 0) == 0 }
