// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import DeferredBridge
import Futures

/// A future, observed where it completes.
enum FutureSink: Sink {
    static let name = "Future"

    static func attach(_ subject: some Awaitable<Int>, _ probe: Probe) -> Attachment {
        let future = subject.future()
        _ = future.observe {
            probe.receive($0, keepsContext: false) { [bench = probe.bench] in bench.isWhereItCompletes }
        }
        return Attachment { future.cancel() }
    }
}

/// A Deferred, with a stage.
enum DeferredSink: Sink {
    static let name = "Deferred"

    static func attach(_ subject: some Awaitable<Int>, _ probe: Probe) -> Attachment {
        let deferred = subject.inContext(probe.bench.context).deferred()
        deferred.addBoth { outcome in
            probe.receive(outcome) { [bench = probe.bench] in bench.isWhereItCompletes }
            return 0
        }
        return Attachment { deferred.cancel() }
    }
}
