// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Futures
import Measure
import SignalBridge

/// POSIX signals, one after the other: each is sent when the one before has reached its handler.
let signalRows: [Row] = [
    .stopwatch("signal") { count, watch in
        let sink = Sink()
        let arrived = DispatchSemaphore(value: 0)
        let handler = try Signal.user1.handle { delivery in
            sink.sum &+= delivery.count
            arrived.signal()
        }
        try watch.time {
            for _ in 0..<count {
                try Signal.user1.raise()
                arrived.wait()
            }
        }
        handler.cancel()
        guard sink.sum == count else { throw RowError("a signal was lost") }
    }
]
