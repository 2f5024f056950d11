// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Testing

/// Sixty-four kibibytes: what a small greenlet has.
private let smallStack: UInt64 = 65536

@Suite struct ChainTests {
    init() { Reports.install() }

    @Test("F11: a chain of 1,000,000 links is completed on a 64 KiB stack")
    func completed() async throws {
        let length = scaled(1_000_000)
        let result = try await onThread(stackBytes: smallStack) { () -> Int in
            let promise = Promise<Int>()
            var last = promise.future
            for _ in 0..<length { last = last.map { $0 + 1 } }
            promise.succeed(0)
            return try last.wait(timeout: .zero)
        }
        #expect(result == length)
    }

    @Test("F11: a chain of 1,000,000 links is dropped pending on a 64 KiB stack, and every link is released")
    func dropped() async throws {
        let length = scaled(1_000_000)
        let released = Box(false)
        try await onThread(stackBytes: smallStack) {
            let promise = Promise<Int>()
            let sentinel = Sentinel { released.value = true }
            var last = promise.future.map { value -> Int in
                sentinel.touch()
                return value
            }
            for _ in 0..<length { last = last.map { $0 + 1 } }
            _ = last.observe { _ in }
        }
        #expect(await eventually { released.value })
    }

    @Test("F11: a chain of 1,000,000 links is cancelled from its end on a 64 KiB stack")
    func cancelled() async throws {
        let length = scaled(1_000_000)
        let answers = try await onThread(stackBytes: smallStack) { () -> [Bool] in
            let promise = Promise<Int>()
            var last = promise.future
            for _ in 0..<length { last = last.map { $0 + 1 } }
            let answer = last.cancel()
            return [answer == .stopped, last.isCancelled, promise.future.isCancelled]
        }
        #expect(answers == [true, true, true])
    }

    @Test("F11: a chain of adoptions and of steps that return futures is completed and dropped on a 64 KiB stack")
    func adopted() async throws {
        let length = scaled(200_000)
        for drops in [false, true] {
            let text = try await onThread(stackBytes: smallStack) { () -> String in
                let promise = Promise<Int>()
                var last = promise.future
                for index in 0..<length {
                    if index % 2 == 0 {
                        last = last.flatMap { Future.succeeded($0 + 1) }
                    } else {
                        let next = Promise<Int>()
                        next.complete(from: last)
                        last = next.future
                    }
                }
                if !drops {
                    promise.succeed(0)
                    return last.words
                }
                _ = last.observe { _ in }
                return "dropped"
            }
            #expect(text == (drops ? "dropped" : "\(length / 2 + length % 2)"))
        }
    }

    @Test("F11: a future with thousands of observers calls them all, and may lose half of them before")
    func manyObservers() {
        let count = scaled(2_000)
        let promise = Promise<Int>()
        let log = Log<Int>()
        let registrations = (0..<count).map { index in promise.future.observe { _ in log.add(index) } }
        for index in stride(from: 0, to: count, by: 2) { registrations[index].withdraw() }
        promise.succeed(1)
        #expect(log.all == Array(stride(from: 1, to: count, by: 2)))
    }
}
