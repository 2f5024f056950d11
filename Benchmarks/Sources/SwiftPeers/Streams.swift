// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Measure

/// The standard library's queue for async code.
let streamRows: [Row] = [
    .stopwatch("async-stream") { count, watch in
        let (stream, continuation) = AsyncStream.makeStream(of: Int.self)
        let sink = Sink()
        let executor = TurnExecutor()
        try watch.time {
            try executor.run { stage in
                var elements = stream.makeAsyncIterator()
                for n in 0..<count {
                    continuation.yield(n)
                    guard await elements.next(isolation: stage) == n else { throw RowError("a value was lost") }
                    sink.sum &+= 1
                }
            }
        }
        guard sink.sum == count else { throw RowError("a value was lost") }
    }
]
