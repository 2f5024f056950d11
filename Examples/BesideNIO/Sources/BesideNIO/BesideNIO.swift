// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Foundation
import NIOCore
import NIOPosix
import Switchyard

/// An operation of SwiftNIO, prepared once: its `whenComplete` is a callback like any other.
func answer(on eventLoop: any EventLoop) -> Call<Int> {
    Call { done in
        let future: EventLoopFuture<Int> = eventLoop.submit { 42 }
        future.whenComplete { outcome in done.complete(result: outcome) }
    }
}

@main
enum BesideNIO {
    static func main() async throws {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let future: Future<Int> = answer(on: eventLoop).future()
        let greenlet: Greenlet<Int> = Greenlet.spawn { try answer(on: eventLoop).wait() }
        let answers = [
            try await future.value,
            try await greenlet.value,
            try await answer(on: eventLoop).value,
            try await Greenlet.run { try answer(on: eventLoop).wait() },
        ]
        precondition(answers == [42, 42, 42, 42])
        print("BesideNIO: \(answers.count) styles, one answer, process \(ProcessInfo.processInfo.processIdentifier)")
    }
}
