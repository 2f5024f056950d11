// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import Measure

/// `await`, on the counting executor that the peers' rows use.
let awaitRows: [Row] = [
    .counted("await-completed-allocations") { count in try awaitCompleted(count).allocations },
    .counted("await-completed-enqueues") { count in try awaitCompleted(count).enqueues },
    .stopwatch("await-same-loop") { count, watch in
        _ = try awaitPending(count, &watch)
    },
    .counted("await-same-loop-enqueues") { count in
        var watch = Stopwatch()
        return (Double(try awaitPending(count, &watch)) / Double(count)).rounded()
    },
]

private func first(_ source: any Awaitable<Int>) async throws -> Int { try await source.value }

/// What awaiting a completed future costs beside time, in all: half of the awaits concrete, half through `any Awaitable`.
private func awaitCompleted(_ count: Int) throws -> (allocations: Double, enqueues: Double) {
    let counts = Counts()
    let executor = TurnExecutor()
    try executor.run { stage in
        let future = Future<Int>.succeeded(1)
        let source: any Awaitable<Int> = future
        counts.sum &+= try await first(source)
        counts.sum &+= try await future.value
        let before = try Allocations.now()
        let enqueues = executor.enqueues
        for _ in 0..<count / 2 {
            counts.sum &+= try await future.value
            counts.sum &+= try await first(source)
        }
        counts.enqueues = executor.enqueues - enqueues
        counts.allocations = Int(try Allocations.now().number - before.number)
    }
    guard counts.sum >= count else { throw RowError("a value was lost") }
    return (Double(counts.allocations), Double(counts.enqueues))
}

/// Awaits pending futures that the same thread completes on its next turn; answers the executor's enqueues.
///
/// The futures are made beforehand, a batch at a time: making them is another row.
private func awaitPending(_ count: Int, _ watch: inout Stopwatch) throws -> Int {
    let batch = 1_000
    let counts = Counts()
    let executor = TurnExecutor()
    var left = count
    while left > 0 {
        let promises = (0..<min(batch, left)).map { _ in Promise<Int>() }
        left -= promises.count
        var next = 0
        try watch.time {
            try executor.run { stage in
                for promise in promises { counts.sum &+= try await promise.future.value }
            } turn: {
                guard next < promises.count else { return }
                promises[next].succeed(1)
                next += 1
            }
        }
    }
    guard counts.sum == count else { throw RowError("a value was lost") }
    return executor.enqueues
}

private final class Counts: @unchecked Sendable {  // SAFETY: one thread runs the tasks and the turns.
    @exclusivity(unchecked) var sum = 0
    @exclusivity(unchecked) var allocations = 0
    @exclusivity(unchecked) var enqueues = 0
}
