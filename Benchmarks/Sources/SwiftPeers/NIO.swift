// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#if Peers
import Measure
import NIOCore
import NIOEmbedded
import NIOPosix

let nioRows: [Row] = [
    .timed("nio-promise") { count in
        let loop = EmbeddedEventLoop()
        let sink = Sink()
        for n in 0..<count {
            let promise = loop.makePromise(of: Int.self)
            promise.futureResult.whenComplete { result in
                if case .success(let value) = result { sink.sum &+= value }
            }
            promise.succeed(n)
        }
    },
    .timed("nio-map") { count in
        let loop = EmbeddedEventLoop()
        let sink = Sink()
        for n in 0..<count / 10 {
            let promise = loop.makePromise(of: Int.self)
            var future = promise.futureResult
            for _ in 0..<10 { future = future.map { $0 &+ 1 } }
            future.whenComplete { result in
                if case .success(let value) = result { sink.sum &+= value }
            }
            promise.succeed(n)
        }
    },
    .timed("nio-submit-wait") { count in
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        for n in 0..<count {
            guard try loop.submit({ n }).wait() == n else { throw RowError("a value was lost") }
        }
        try group.syncShutdownGracefully()
    },
]
#endif
