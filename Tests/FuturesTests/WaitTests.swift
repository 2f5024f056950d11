// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Testing

@Suite struct WaitTests {
    init() { Reports.install() }

    @Test("AG1, K1: on a plain thread wait blocks for the outcome, and repeating it gives the same")
    func plainThread() async throws {
        let error = Oops()
        let values = try await onThread { () -> [String] in
            let value = startThread { 1 }
            let failed = startThread { () throws -> Int in throw error }
            return [
                "\(try value.wait())", "\(try value.wait())", words(Result { try failed.wait() }),
                words(Result { try failed.wait(timeout: .zero) }),
            ]
        }
        #expect(values == ["1", "1", "oops \(error.id)", "oops \(error.id)"])
    }

    @Test("AG1: it also blocks in a catch clause, a closure and a method")
    func everywhereOnAThread() async throws {
        struct Waiter {
            let future: Future<Int>
            func wait() throws -> Int { try future.wait() }
        }
        let sum = try await onThread { () -> Int in
            let closure = { try startThread { 2 }.wait() }
            do { throw Oops() } catch {
                return try startThread { 1 }.wait() + closure() + Waiter(future: startThread { 3 }).wait()
            }
        }
        #expect(sum == 6)
    }

    @Test("K1: after a timeout a later wait may still succeed, and nothing is left behind")
    func afterATimeout() async throws {
        let promise = Promise<Int>.kept("K1")
        let texts = try await onThread { () -> [String] in
            var texts = [words(Result { try promise.future.wait(timeout: .milliseconds(1)) })]
            texts.append("\(promise.future._observers)")
            promise.succeed(4)
            texts.append("\(try promise.future.wait(timeout: .zero))")
            return texts
        }
        #expect(texts == ["TimedOut", "0", "4"])
    }

    @Test("C3: a timeout of zero looks: the outcome if there is one, TimedOut otherwise; negative ones too")
    func zero() async throws {
        let cancelled = Promise<Int>.kept()
        cancelled.future.cancel()
        let texts = try await onThread {
            [
                words(Result { try Promise<Int>.endless.future.wait(timeout: .zero) }),
                words(Result { try Promise<Int>.endless.future.wait(timeout: .seconds(Int64.min)) }),
                words(Result { try Future.succeeded(1).wait(timeout: .zero) }),
                words(Result { try cancelled.future.wait(timeout: .zero) }),
            ]
        }
        #expect(texts == ["TimedOut", "TimedOut", "1", "CancellationError"])
    }

    @Test("C3, K11: many threads wait for one future and all see the same outcome, a cancellation too")
    func manyThreads() async throws {
        for cancels in [false, true] {
            let promise = Promise<Int>.kept()
            let waiters = (0..<6).map { _ in startThread { words(Result { try promise.future.wait() }) } }
            #expect(await eventually { promise.future._observers == 6 })
            if cancels { promise.future.cancel() } else { promise.succeed(1) }
            let texts = try await Future.all(waiters).value
            #expect(Set(texts) == [cancels ? "CancellationError" : "1"])
        }
    }

    @Test("K2, B4, C12: on a loop's own thread wait throws at once and names the loop, unless the outcome is there")
    func onALoop() async throws {
        let texts = try await onThread { () -> [String] in
            let loop = VirtualLoop("the loop")
            return loop.run {
                [
                    words(Result { try Promise<Int>.endless.future.wait() }),
                    words(Result { try Promise<Int>.endless.future.wait(timeout: .zero) }),
                    words(Result { try Future.succeeded(1).wait() }),
                    refusal { try Promise<Int>.endless.future.wait() },
                ]
            }
        }
        #expect(texts[..<3] == ["WouldDeadlock", "WouldDeadlock", "1"])
        #expect(texts[3].contains("\"the loop\"") && texts[3].contains("run(until:)"))
    }

    @Test("B4, K2: on the background thread wait throws as on any loop")
    func onTheDrain() async {
        let log = Log<String>()
        Drain.shared.post { log.add(refusal { try Promise<Int>.endless.future.wait() }) }
        #expect(await eventually { log.count == 1 })
        #expect(log.all[0].contains("switchyard-drain"))
    }

    @Test("AG1, B4: in a Swift task wait throws at once, below any depth of synchronous frames, and says what to use")
    func inATask() async {
        let text = await Task { nested(5) { refusal { try Promise<Int>.endless.future.wait() } } }.value
        #expect(text.contains("try await x.value") && text.contains("Greenlet.run"))
        #expect(nested(3) { words(Result { try Future.succeeded(1).wait() }) } == "1")
    }

    @Test("B4: in an observer that was called inline wait throws, and names the future whose observer it is")
    func inAnObserver() async throws {
        let texts = try await onThread { () -> [String] in
            let log = Log<String>()
            let promise = Promise<Int>.kept("the observed")
            let late = Future.succeeded(1)
            _ = promise.future.observe { _ in log.add(refusal { try Promise<Int>.endless.future.wait() }) }
            promise.succeed(1)
            _ = late.observe { _ in log.add(refusal { try Promise<Int>.endless.future.wait() }) }
            _ = late.observe { _ in log.add(words(Result { try late.wait() })) }
            return log.all
        }
        #expect(texts.count == 3)
        #expect(texts[0].contains("inside an observer of Future<Int>"))
        #expect(texts[1].contains("inside an observer of Future<Int>"))
        #expect(texts[2] == "1")
    }

    @Test("AG4: a refused wait leaves nothing behind: no observer, no cancellation, and the next legal wait works")
    func afterARefusal() async throws {
        let promise = Promise<Int>.kept()
        #expect(nested(1) { words(Result { try promise.future.wait() }) } == "WouldDeadlock")
        #expect(promise.future._observers == 0 && !promise.future.isCompleted)
        let texts = try await onThread { () -> [String] in
            let loop = VirtualLoop()
            let refused = loop.run { words(Result { try promise.future.wait() }) }
            promise.succeed(3)
            return [
                refused, words(Result { try promise.future.wait() }), words(Result { try startThread { 4 }.wait() }),
            ]
        }
        #expect(texts == ["WouldDeadlock", "3", "4"])
    }

    @Test("AG4: where waiting is refused, a call is not even started")
    func callIsNotStarted() {
        let starts = Box(0)
        let call = Call<Int> { promise in
            starts.increment()
            promise.succeed(1)
        }
        #expect(nested(1) { words(Result { try call.wait() }) } == "WouldDeadlock")
        #expect(starts.value == 0)
    }

    @Test("K4: a wait for a call that times out cancels the run, which nobody else could reach")
    func callTimesOut() async throws {
        let cancelled = Box(0)
        let text = try await onThread {
            let call = Call<Int> { promise in
                promise.onCancel { cancelled.increment() }
                Keeper.keep(promise)
            }
            return words(Result { try call.wait(timeout: .zero) })
        }
        #expect(text == "TimedOut")
        #expect(cancelled.value == 1)
    }

    @Test("F12, K4: a wait for a call that times out names the place of the call and says that its run was cancelled")
    func callTimesOutAndSaysSo() async throws {
        let texts = try await onThread { () -> [String] in
            let call = Call<Int>("the run") { promise in Keeper.keep(promise) }
            let place = #line - 1
            let mapped = call.map { $0 }
            let limited = call.timeout(.zero)
            return ["\(place)"] + [call, mapped, limited].map { call in refusal { try call.wait(timeout: .zero) } }
        }
        let place = try #require(Int(texts[0]))
        #expect(texts[1].contains("Future<Int> \"the run\""))
        #if DEBUG
        #expect(texts[1].contains("made at FuturesTests/WaitTests.swift:\(place) did"))
        #expect(texts[2].contains("made at FuturesTests/WaitTests.swift:\(place + 2) did"))
        #else
        #expect(place > 0)
        #endif
        for text in texts[1...] {
            #expect(!text.contains("Futures/"))
            #expect(text.contains("It was cancelled") && !text.contains("goes on"))
        }
    }

    @Test("K4, B8: a wait for a call that times out leaves a run that others observe")
    func callOfSomethingShared() async throws {
        let shared = Promise<Int>.kept()
        let other = shared.future.observe { _ in }
        let call = Call(from: { shared.future })
        #expect(try await onThread { words(Result { try call.wait(timeout: .zero) }) } == "TimedOut")
        #expect(shared.future.words == "pending" && shared.future._observers == 1)
        other.withdraw()
        #expect(try await onThread { words(Result { try call.wait(timeout: .zero) }) } == "TimedOut")
        #expect(shared.future.words == "CancellationError")
    }

    @Test("F12, K1: a wait that times out says that a future goes on, and names the type of what is foreign")
    func timeoutOfOthers() async throws {
        let promise = Promise<Int>.kept()
        let texts = try await onThread {
            [
                refusal { try promise.future.wait(timeout: .zero) },
                refusal { try Foreign(promise.future).wait(timeout: .zero) },
            ]
        }
        #expect(texts.allSatisfy { $0.contains("It goes on; a later wait may still succeed.") })
        #expect(texts[1].hasPrefix("TimedOut: Foreign<Int> did not"))
        promise.succeed(1)
    }

    @Test("K1: a wait for something else that times out leaves it running")
    func foreignTimesOut() async throws {
        let promise = Promise<Int>.kept()
        #expect(try await onThread { words(Result { try Foreign(promise.future).wait(timeout: .zero) }) } == "TimedOut")
        #expect(promise.future.words == "pending" && promise.future._observers == 0)
        promise.succeed(1)
    }

    @Test("T24, K1: a wait for something else that times out as it completes ends with the value")
    func foreignTimesOutLate() async throws {
        #expect(try await onThread { words(Result { try LateForeign().wait(timeout: .zero) }) } == "7")
    }

    @Test("C12: completion and timeout race: a wait ends with the value or with TimedOut, never hangs")
    func race() async throws {
        let texts = try await onThread { () -> Set<String> in
            var texts: Set<String> = []
            for round in 0..<scaled(300) {
                let promise = Promise<Int>.kept()
                _ = startThread { promise.succeed(1) }
                texts.insert(words(Result { try promise.future.wait(timeout: .microseconds(round)) }))
            }
            return texts
        }
        #expect(texts.isSubset(of: ["1", "TimedOut"]))
    }
}

/// Answers who leaves that it is too late, and calls then.
private struct LateForeign: Awaitable {
    func observe(_ observer: @escaping @Sendable (Result<Int, any Error>) -> Void) -> Registration {
        Registration(
            withdraw: {
                _ = startThread { observer(.success(7)) }
                return false
            },
            cancel: { .tooLate }
        )
    }
}

/// The compiler sees that an async function waits, but not below a synchronous frame.
private func nested<Value>(_ depth: Int, _ body: () -> Value) -> Value {
    depth == 0 ? body() : nested(depth - 1, body)
}

func refusal(_ body: () throws -> Int) -> String {
    do { return "\(try body())" } catch { return "\(error)" }
}
