// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Testing

@Suite struct CompletionsTests {
    init() { Reports.install() }

    @Test("T7, C7: what is done comes first, in argument order, then the others as they complete, errors included")
    func order() async throws {
        let error = Oops()
        let promises = (0..<4).map { _ in Promise<Int>.kept() }
        promises[3].succeed(3)
        promises[1].fail(error)
        var iterator = Future.asCompleted(promises.map(\.future)).makeAsyncIterator()
        var seen: [String] = []
        for step in 0..<4 {
            if step == 2 { promises[2].succeed(2) }
            if step == 3 { promises[0].succeed(0) }
            let completion = try await iterator.next()
            seen.append("\(completion!.key): \(words(completion!.outcome))")
        }
        #expect(seen == ["1: oops \(error.id)", "3: 3", "2: 2", "0: 0"])
        #expect(try await iterator.next() == nil)
        #expect(try await iterator.next() == nil)
    }

    @Test("T7: inputs may have keys, and the same future may be given twice")
    func keysAndDuplicates() async throws {
        let promise = Promise<Int>.kept()
        let twice = Future.asCompleted([promise.future, promise.future])
        let keyed = Future.asCompleted(["a": promise.future])
        promise.succeed(1)
        var keys: [Int] = []
        for try await completion in twice { keys.append(completion.key) }
        #expect(keys == [0, 1])
        for try await completion in keyed { #expect(completion.key == "a") }
    }

    @Test("T7: it works though nobody holds the inputs")
    func nobodyHoldsTheInputs() async throws {
        let completions = {
            let promise = Promise<Int>.kept()
            defer { promise.succeed(1) }
            return Future.asCompleted([promise.future])
        }()
        #expect(try await completions.next().value?.get() == 1)
    }

    @Test("C7: it is also iterated by blocking; a timeout says how many of how many are missing, and loses nothing")
    func blocking() async throws {
        let promises = (0..<3).map { _ in Promise<Int>.kept() }
        let completions = Future.asCompleted(promises.map(\.future))
        promises[0].succeed(0)
        let text = try await onThread { () -> String in
            var text = "\(try completions.waitNext()!.get())"
            do { _ = try completions.waitNext(timeout: .zero) } catch let error as TimedOut {
                text += " \(error.operation)"
            }
            promises[2].succeed(2)
            text += " \(try completions.waitNext(timeout: .zero)!.get())"
            promises[1].succeed(1)
            text += " \(try completions.waitNext()!.get())"
            return text + " \(try completions.waitNext() == nil)"
        }
        #expect(text == "0 2 of 3 inputs of asCompleted, of which the next one 2 1 true")
    }

    @Test("C7: a cancelled next() takes nothing with it")
    func cancelledNext() async throws {
        let promise = Promise<Int>.kept()
        let completions = Future.asCompleted([promise.future])
        #expect(completions.next().future().cancel() == .stopped)
        let task = Task { try await completions.next().value }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        promise.succeed(1)
        #expect(try await completions.next().value?.get() == 1)
    }

    @Test("C7: many consumers that come and go share one supply, and each outcome is given out once")
    func consumersRace() async throws {
        let count = scaled(2000)
        let promises = (0..<count).map { _ in Promise<Int>.kept() }
        let completions = Future.asCompleted(promises.map(\.future))
        let seen = Log<Int>()
        let producer = startThread { for (index, promise) in promises.enumerated() { promise.succeed(index) } }
        let consumers = (0..<2).map { _ in
            startThread {
                while let completion = try completions.next().future().wait() { seen.add(completion.key) }
            }
        }
        let leaver = startThread { for _ in 0..<count { completions.next().future().cancelOrKeep(seen) } }
        _ = try await Future.all(consumers + [producer, leaver]).value
        #expect(seen.all.sorted() == Array(0..<count))
    }

    @Test("C7: it lets go of each outcome it has given out")
    func letsGo() async throws {
        weak var held: Sentinel?
        let promise = Promise<Sentinel>()
        let completions = Future.asCompleted([promise.future.map { $0 }, Promise<Sentinel>().future])
        do {
            let sentinel = Sentinel()
            held = sentinel
            let other = Promise<Sentinel>()
            let more = Future.asCompleted([other.future])
            other.succeed(sentinel)
            _ = try await more.next().value
        }
        #expect(held == nil)
        _ = completions
    }
}

extension Future where Success == Completion<Int, Int>? {
    /// Cancels; what came before the cancellation counts as seen.
    fileprivate func cancelOrKeep(_ seen: Log<Int>) {
        cancel()
        if case .success(let completion?)? = outcome { seen.add(completion.key) }
    }
}
