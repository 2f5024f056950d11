// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import DeferredBridge
import Futures
import Testing

private enum Context { @TaskLocal static var name = "none" }

@Suite struct InlineCallbacksTests {
    @Test("D17: a body awaits Deferreds in a straight line; its value or error is the outcome")
    func straightLine() async throws {
        let inner = Deferred<Int>()
        let sum = Deferred.inlineCallbacks {
            let one = try await inner.value
            let two = try await Deferred.succeed(10).value
            return one + two
        }
        try inner.callback(1)
        #expect(try await sum.value == 11)
        let oops = Oops()
        let failing = Deferred<Int>.inlineCallbacks { try await Deferred<Int>.fail(oops).value }
        await #expect(throws: oops) { try await failing.value }
    }

    @Test("D17: awaiting 5000 ready values needs no stack")
    func readyValues() async throws {
        let sum = Deferred.inlineCallbacks {
            var sum = 0
            for index in 0..<5000 { sum += try await Deferred.succeed(index).value }
            return sum
        }
        #expect(try await sum.value == 12_497_500)
    }

    @Test("D17: a body releases what it has captured when it ends")
    func releases() async throws {
        let released = Box(false)
        let deferred = { () -> Deferred<Int> in
            let sentinel = Sentinel { released.value = true }
            return Deferred.inlineCallbacks {
                sentinel.touch()
                return 1
            }
        }()
        #expect(try await deferred.value == 1)
        #expect(await eventually { released.value })
    }

    @Test("D18: a cancellation reaches the innermost Deferred through nested bodies, and is thrown there")
    func innermost() async {
        let calls = Log<String>()
        let started = Box(false)
        let innermost = Deferred<Int> { _ in calls.add("innermost") }
        let outer = Deferred<Int>.inlineCallbacks {
            let middle = Deferred<Int>.inlineCallbacks {
                started.value = true
                return try await innermost.value
            }
            do { return try await middle.value } catch {
                calls.add("\(type(of: error))")
                throw error
            }
        }
        #expect(await eventually { started.value && innermost.isAwaited })
        outer.cancel()
        let outcome = await awaited(outer)
        #expect(words(outcome) == "CancellationError")
        #expect(calls.all == ["innermost", "CancellationError"])
    }

    @Test("D18: a body that catches goes on, the outer stays pending, and a second cancellation hits the next wait")
    func catches() async throws {
        let first = Deferred<Int>()
        let second = Deferred<Int>()
        let third = Deferred<Int>()
        let caught = Log<String>()
        let outer = Deferred<Int>.inlineCallbacks {
            for deferred in [first, second] {
                do { return try await deferred.value } catch {
                    caught.add(words(Result<Int, any Error>.failure(error)))
                }
            }
            return try await third.value
        }
        #expect(await eventually { first.isAwaited })
        outer.cancel()
        #expect(await eventually { second.isAwaited })
        #expect(outer.words == "pending")
        outer.cancel()
        #expect(await eventually { third.isAwaited })
        #expect(caught.all == ["CancellationError", "CancellationError"])
        try third.callback(3)
        #expect(try await outer.value == 3)
    }

    @Test("D18: what the canceller of the awaited Deferred fires, a value or another error, is what the body gets")
    func translated() async {
        let oops = Oops()
        let value = Deferred<Int> { try $0.callback(7) }
        let error = Deferred<Int> { try $0.errback(oops) }
        for (inner, expected) in [(value, "7"), (error, oops.words)] {
            let outer = Deferred.inlineCallbacks { try await inner.value }
            #expect(await eventually { inner.isAwaited })
            outer.cancel()
            let outcome = await awaited(outer)
            #expect(words(outcome) == expected)
        }
    }

    @Test("D18: the outer result waits for the asynchronous clean-up of the body")
    func cleansUp() async throws {
        let wait = Deferred<Int>()
        let cleanUp = Deferred<Int>()
        let outer = Deferred<Int>.inlineCallbacks {
            do { return try await wait.value } catch {
                _ = try await cleanUp.value
                throw error
            }
        }
        #expect(await eventually { wait.isAwaited })
        outer.cancel()
        #expect(await eventually { cleanUp.isAwaited })
        #expect(outer.words == "pending")
        try cleanUp.callback(0)
        let outcome = await awaited(outer)
        #expect(words(outcome) == "CancellationError")
    }

    @Test("D18: a body that awaits something else has its task cancelled")
    func otherWaits() async {
        let promise = Promise<Int>()
        let future = promise.future
        let outer = Deferred.inlineCallbacks { try await future.value }
        outer.cancel()
        let outcome = await awaited(outer)
        #expect(words(outcome) == "CancellationError")
        #expect(await eventually { future.isCancelled })
    }

    @Test("D19: task-locals are the caller's at the first call, and at every line after a wait")
    func context() async throws {
        let inner = Deferred<Int>()
        let names = Log<String>()
        let outer = Context.$name.withValue("caller") {
            Deferred.inlineCallbacks {
                names.add(Context.name)
                let value = try await inner.value
                names.add(Context.name)
                return value
            }
        }
        #expect(await eventually { inner.isAwaited })
        // Neither the one who fires nor a callback of the awaited Deferred leaks into the body.
        try Context.$name.withValue("somebody else") {
            inner.addCallback { value in
                names.add(Context.name)
                return value
            }
            try inner.callback(1)
        }
        #expect(try await outer.value == 1)
        #expect(names.all.sorted() == ["caller", "caller", "somebody else"])
        #expect(Context.name == "none")
    }

    @Test("D19: async functions that a body awaits share its context, a nested body has its own")
    func nestedContext() async throws {
        @Sendable func shared() async -> String { Context.name }
        let outer = Context.$name.withValue("outer") {
            Deferred.inlineCallbacks {
                let nested = Context.$name.withValue("nested") { Deferred.inlineCallbacks { Context.name } }
                let inner = try await nested.value
                return [await shared(), inner, Context.name]
            }
        }
        #expect(try await outer.value == ["outer", "nested", "outer"])
    }
}

extension Deferred {
    /// Somebody has begun to await it.
    fileprivate var isAwaited: Bool { description.contains("to run") }
}
