// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import Greenlets
import Measure
import QueueBridge

/// Queues and channels, between greenlets, between threads and in async code.
let queueRows: [Row] = [
    .stopwatch("channel") { count, watch in
        // One round trip is a value there and an answer back.
        let (there, back) = (Channel<Int>(), Channel<Int>())
        let sink = Sink()
        try onLoop(&watch) {
            let echo = Greenlet.spawn {
                while let value = try there.waitNext() { try back.waitSend(value) }
            }
            for n in 0..<count {
                try there.waitSend(n)
                guard try back.waitNext() == n else { throw RowError("a value was lost") }
                sink.sum &+= 1
            }
            there.close()
            try echo.join()
        }
        guard sink.sum == count else { throw RowError("a value was lost") }
    },
    .stopwatch("queue") { count, watch in
        let queue = try Queue<Int>(capacity: 16)
        let sink = Sink()
        try onLoop(&watch) {
            for n in 0..<count {
                try queue.put(n).wait()
                sink.sum &+= try queue.get().wait() &- n &+ 1
            }
        }
        guard sink.sum == count else { throw RowError("a value was lost") }
    },
    .stopwatch("queue-threads") { count, watch in
        let queue = try Queue<Int>(capacity: 64)
        let sink = Sink()
        try watch.time {
            let producer = Thread { for n in 0..<count { try queue.put(n).wait() } }
            for n in 0..<count { sink.sum &+= try queue.get().wait() &- n &+ 1 }
            try producer.join()
        }
        guard sink.sum == count else { throw RowError("a value was lost") }
    },
    .stopwatch("async-channel") { count, watch in
        let (there, back) = (Channel<Int>(), Channel<Int>())
        let sink = Sink()
        let executor = TurnExecutor()
        try watch.time {
            try executor.run { _ in
                async let echo: Void = {
                    for try await value in there { try await back.send(value).value }
                }()
                var answers = back.makeAsyncIterator()
                for n in 0..<count {
                    try await there.send(n).value
                    guard try await answers.next() == n else { throw RowError("a value was lost") }
                    sink.sum &+= 1
                }
                there.close()
                try await echo
            }
        }
        guard sink.sum == count else { throw RowError("a value was lost") }
    },
    .stopwatch("async-queue") { count, watch in
        let queue = Queue<Int>()
        let sink = Sink()
        let executor = TurnExecutor()
        try watch.time {
            try executor.run { _ in
                var elements = queue.makeAsyncIterator()
                for n in 0..<count {
                    _ = try queue.tryPut(n)
                    guard try await elements.next() == n else { throw RowError("a value was lost") }
                    sink.sum &+= 1
                }
            }
        }
        guard sink.sum == count else { throw RowError("a value was lost") }
    },
]
