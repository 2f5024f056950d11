// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
import Futures

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Threads that are no part of Swift's pool.
package enum PlainThread {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Starts a detached thread. Signals are blocked in it: they are the main thread's, or a registry's.
    ///
    /// - Errors: ``ThreadUnavailable``; the body is released then.
    package static func start(_ name: String, _ body: @escaping @Sendable () -> Void) throws(ThreadUnavailable) {
        // SAFETY: the thread takes the reference over.
        let reference = unsafe Unmanaged.passRetained(Body(body))
        let error = unsafe sy_thread_start(
            name,
            0,
            { reference in
                PlainThread.blockSignals()
                // SAFETY: the reference retained above.
                let body = unsafe Unmanaged<Body>.fromOpaque(reference!).takeRetainedValue()
                body.run()
            },
            reference.toOpaque()
        )
        guard error != 0 else { return }
        unsafe reference.release()
        throw ThreadUnavailable(thread: name, code: error)
    }

    /// All but those a thread causes itself, which cannot be blocked without hiding crashes.
    private static func blockSignals() {
        var set = sigset_t()
        unsafe sigfillset(&set)
        for signal in [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF] {
            unsafe sigdelset(&set, signal)
        }
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    }
}
