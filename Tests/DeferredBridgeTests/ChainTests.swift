// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import DeferredBridge
import Futures
import Testing

@Suite struct ChainTests {
    @Test("D5: a pipeline that goes on through 1,000,000 Deferreds fires on a 64 KiB stack")
    func thenChain() async throws {
        let length = scaled(1_000_000)
        let result = try await onThread(stackBytes: smallStack) { () -> String in
            let first = Deferred<Int>()
            var last = first
            for _ in 0..<length { last = last.then { $0 + 1 } }
            try first.callback(0)
            return last.words
        }
        #expect(result == "\(length)")
    }

    @Test("D5: a chain of 100,000 returned Deferreds fires on a 64 KiB stack, from either end")
    func returnedChain() async throws {
        let length = scaled(100_000)
        for outermostFirst in [true, false] {
            let result = try await onThread(stackBytes: smallStack) { () -> String in
                let links = (0...length).map { _ in Deferred<Int>() }
                for index in 0..<length {
                    let next = links[index + 1]
                    links[index].addCallback { value in next.then { $0 + value } }
                }
                let order = outermostFirst ? Array(links.indices) : links.indices.reversed()
                for index in order { try links[index].callback(1) }
                return links[0].words
            }
            #expect(result == "\(length + 1)")
        }
    }

    @Test("D5: a chainDeferred of 200,000 links reaches the end on a 64 KiB stack; Twisted's ends before 2000")
    func chainedChain() async throws {
        let length = scaled(200_000)
        let result = try await onThread(stackBytes: smallStack) { () -> String in
            let first = Deferred<Int>()
            var last = first
            for _ in 0..<length {
                let next = Deferred<Int>().addCallback { $0 + 1 }
                last.chainDeferred(next)
                // The producer of a chain keeps its links; here the chain itself does.
                last = next
            }
            try first.callback(0)
            return last.words
        }
        #expect(result == "\(length)")
    }

    @Test("D5: a chain of 1,000,000 links is dropped unfired on a 64 KiB stack, and every link is released")
    func dropped() async throws {
        let length = scaled(1_000_000)
        let released = Box(false)
        let outcome = Log<String>()
        try await onThread(stackBytes: smallStack) {
            let first = Deferred<Int>()
            let sentinel = Sentinel { released.value = true }
            var last = first.then { value -> Int in
                sentinel.touch()
                return value
            }
            for _ in 0..<length { last = last.then { $0 + 1 } }
            _ = last.observe { outcome.add(words($0)) }
        }
        #expect(await eventually { released.value && outcome.count == 1 })
        #expect(outcome.all == ["BrokenPromise"])
    }

    @Test("D5, D8: a chain of 200,000 links is cancelled from its end on a 64 KiB stack")
    func cancelled() async throws {
        let length = scaled(200_000)
        let calls = Log<Int>()
        let result = try await onThread(stackBytes: smallStack) { () -> String in
            let first = Deferred<Int> { _ in calls.add(1) }
            var last = first
            for _ in 0..<length { last = last.then { $0 + 1 } }
            last.cancel()
            keep(first)
            return last.words
        }
        #expect(result == "CancellationError")
        #expect(calls.count == 1)
    }

    @Test("D5: 5000 stages that return ready Deferreds need no stack")
    func readyDeferreds() async throws {
        let result = try await onThread(stackBytes: smallStack) { () -> String in
            let deferred = Deferred<Int>()
            for _ in 0..<5000 { deferred.addCallback { .succeed($0 + 1) } }
            try deferred.callback(0)
            return deferred.words
        }
        #expect(result == "5000")
    }
}
