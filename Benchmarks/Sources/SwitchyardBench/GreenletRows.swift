// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import Greenlets
import Loops
import Measure

/// Greenlets of one loop, driven by the calling thread.
let greenletRows: [Row] = [
    .stopwatch("yield") { count, watch in
        // Two hand the processor to each other, as in the peers' rows.
        try onLoop(&watch) {
            let others = (0..<2).map { _ in
                Greenlet.spawn { for _ in 0..<count / 2 { try Greenlet.yield() } }
            }
            for other in others { try other.join() }
        }
    },
    .stopwatch("spawn-join") { count, watch in
        try onLoop(&watch) {
            for _ in 0..<count { try Greenlet.spawn {}.join() }
        }
    },
    .stopwatch("future") { count, watch in
        // One greenlet makes a promise and waits on its future, the other fulfils it.
        let pending = Pending()
        try onLoop(&watch) {
            let consumer = Greenlet.spawn {
                for _ in 0..<count {
                    let promise = Promise<Int>()
                    pending.promise = promise
                    pending.sum &+= try promise.future.wait()
                }
            }
            let producer = Greenlet.spawn {
                for _ in 0..<count {
                    while pending.promise == nil { try Greenlet.yield() }
                    let promise = pending.promise.take()
                    promise?.succeed(1)
                }
            }
            try consumer.join()
            try producer.join()
        }
        guard pending.sum == count else { throw RowError("a value was lost") }
    },
    .stopwatch("cross-thread-wake") { count, watch in
        let other = try IOLoop.onOwnThread(name: "the other thread")
        let sink = Sink()
        try onLoop(&watch) {
            for n in 0..<count {
                let promise = Promise<Int>()
                other.post { promise.succeed(n) }
                guard try promise.future.wait() == n else { throw RowError("a value was lost") }
                sink.sum &+= 1
            }
        }
        other.stop()
        guard sink.sum == count else { throw RowError("a value was lost") }
    },
]

/// Runs the body in a greenlet on a loop of its own; its whole run is measured.
func onLoop(_ watch: inout Stopwatch, _ body: @escaping @Sendable () throws -> Void) throws {
    let loop = try IOLoop(name: "bench")
    defer { loop.stop() }
    try watch.time {
        try loop.run(until: Greenlet.spawn(on: loop, body))
    }
}

private final class Pending: @unchecked Sendable {  // SAFETY: the greenlets of one loop share its thread.
    @exclusivity(unchecked) var promise: Promise<Int>?
    @exclusivity(unchecked) var sum = 0
}
