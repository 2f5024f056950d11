// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Measure

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Dispatch's source for POSIX signals.
let signalRows: [Row] = [
    .stopwatch("dispatch-signal") { count, watch in
        let sink = Sink()
        let arrived = DispatchSemaphore(value: 0)
        #if os(Linux)
        // Dispatch reads a descriptor there, which gets what all threads block; an ignored signal is gone.
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, SIGUSR1)
        pthread_sigmask(SIG_BLOCK, &set, nil)
        #else
        signal(SIGUSR1, SIG_IGN)
        #endif
        let source = DispatchSource.makeSignalSource(signal: SIGUSR1, queue: DispatchQueue(label: "signals"))
        source.setEventHandler {
            sink.sum &+= Int(source.data)
            arrived.signal()
        }
        let registered = DispatchSemaphore(value: 0)
        source.setRegistrationHandler { registered.signal() }
        source.activate()
        registered.wait()
        try watch.time {
            for _ in 0..<count {
                kill(getpid(), SIGUSR1)
                arrived.wait()
            }
        }
        source.cancel()
        guard sink.sum == count else { throw RowError("a signal was lost") }
    }
]
