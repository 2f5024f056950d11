// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#if Peers
import AsyncAlgorithms
import Measure

let asyncAlgorithmsRows: [Row] = [
    .stopwatch("async-channel") { count, watch in
        let (there, back) = (AsyncChannel<Int>(), AsyncChannel<Int>())
        let sink = Sink()
        let executor = TurnExecutor()
        try watch.time {
            try executor.run { stage in
                async let echo: Void = {
                    for await value in there { await back.send(value) }
                }()
                var answers = back.makeAsyncIterator()
                for n in 0..<count {
                    await there.send(n)
                    guard await answers.next(isolation: stage) == n else { throw RowError("a value was lost") }
                    sink.sum &+= 1
                }
                there.finish()
                await echo
            }
        }
        guard sink.sum == count else { throw RowError("a value was lost") }
    }
]
#endif
