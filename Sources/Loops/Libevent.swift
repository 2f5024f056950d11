// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CLibevent
import Futures

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What libevent wants once per process, before its first base.
enum Libevent {
    /// Forces the set-up: locking, messages, SIGPIPE.
    static let setUp: Void = {
        precondition(evthread_use_pthreads() == 0, "switchyard: libevent cannot use threads")
        event_set_fatal_callback { code in
            StandardError.write("switchyard: libevent met an internal error (\(code)) and cannot go on\n")
            abort()
        }
        // Any thread may be in here, with libevent's locks held: write, and nothing else.
        unsafe event_set_log_callback { severity, text in
            guard severity >= EVENT_LOG_WARN, let text = unsafe text else { return }
            StandardError.write("switchyard: libevent: \(unsafe String(cString: text))\n")
        }
        ignoreBrokenPipes()
    }()

    /// Writing to a peer that has gone must be an error, not the end of the process. A handler of the program stays.
    private static func ignoreBrokenPipes() {
        var current = sigaction()
        guard unsafe sigaction(SIGPIPE, nil, &current) == 0 else { return }
        #if canImport(Darwin)
        let handler = unsafe current.__sigaction_u.__sa_handler
        #else
        let handler = unsafe current.__sigaction_handler.sa_handler
        #endif
        if handler == nil { signal(SIGPIPE, SIG_IGN) }
    }
}
