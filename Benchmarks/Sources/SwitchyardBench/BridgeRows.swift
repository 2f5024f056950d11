// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import DeferredBridge
import Futures
import Measure

/// From one style of code to another.
let bridgeRows: [Row] = [
    .timed("deferred-step") { count in
        // One step of a chain of ten callbacks.
        let sink = Sink()
        for n in 0..<count / 10 {
            let deferred = Deferred<Int>()
            for _ in 0..<10 { deferred.addCallback { $0 &+ 1 } }
            deferred.addCallback { value in
                sink.sum &+= value &- n &- 9
                return value
            }
            try deferred.callback(n)
        }
        guard sink.sum == count / 10 else { throw RowError("a value was lost") }
    },
    .stopwatch("callback-to-await") { count, watch in
        // A callback API, as a prepared call that a task awaits; the callback comes in the next turn of the same loop.
        let sink = Sink()
        let pending = PendingCallback()
        let call = Call<Int> { done in pending.callback = { done.succeed($0) } }
        let executor = TurnExecutor()
        try watch.time {
            try executor.run { _ in
                for _ in 0..<count { sink.sum &+= try await call.value }
            } turn: {
                let callback = pending.callback
                pending.callback = nil
                callback?(1)
            }
        }
        guard sink.sum == count else { throw RowError("a value was lost") }
    },
]

private final class PendingCallback: @unchecked Sendable {  // SAFETY: one thread runs the task and the turns.
    @exclusivity(unchecked) var callback: ((Int) -> Void)?
}
