// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import Measure

/// Futures completed where they are made.
let futureRows: [Row] = [
    .timed("promise") { count in
        let sink = Sink()
        for n in 0..<count {
            let promise = Promise<Int>()
            promise.future.callback { result in
                if case .success(let value) = result { sink.sum &+= value }
            }
            promise.succeed(n)
        }
    },
    .timed("map") { count in
        let sink = Sink()
        for n in 0..<count / 10 {
            let promise = Promise<Int>()
            var future = promise.future
            for _ in 0..<10 { future = future.map { $0 &+ 1 } }
            future.callback { result in
                if case .success(let value) = result { sink.sum &+= value }
            }
            promise.succeed(n)
        }
    },
    .counted("bytes") { count in
        _ = try bytes(100)
        return try bytes(count)
    },
]

/// What a pending future with one observer and its promise keeps allocated.
private func bytes(_ count: Int) throws -> Double {
    let sink = Sink()
    var promises: [Promise<Int>] = []
    promises.reserveCapacity(count)
    let before = try Allocations.now()
    for _ in 0..<count {
        let promise = Promise<Int>()
        promise.future.callback { result in
            if case .success(let value) = result { sink.sum &+= value }
        }
        promises.append(promise)
    }
    let after = try Allocations.now()
    for promise in promises { promise.succeed(1) }
    guard sink.sum == count else { throw RowError("an observer was lost") }
    return Double(after.liveBytes - before.liveBytes) / Double(count)
}
