// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import DeferredBridge
import Futures
import Greenlets
import Loops
import Testing

@Suite struct GreenletTests {
    private let loop = VirtualLoop()

    @Test("D28: a greenlet that waits for Deferreds is an inlineCallbacks body; its outcome is a Deferred")
    func waits() throws {
        let inner = Deferred<Int>()
        let sum = Greenlet.spawn(on: loop) { try inner.wait() + Deferred.succeed(1).wait() }.deferred()
        try loop.runUntilIdle()
        #expect(sum.words == "pending")
        loop.post { try? inner.callback(41) }
        try loop.runUntilIdle()
        #expect(sum.words == "42")
    }

    @Test(
        "D28, D18: a kill arrives at the innermost wait and cancels the Deferred; the outer settles when the body returns"
    )
    func kill() throws {
        let calls = Log<String>()
        let inner = Deferred<Int> { _ in calls.add("canceller") }
        let cleanUp = Deferred<Int>()
        let greenlet = Greenlet.spawn(on: loop) { () throws -> Int in
            do { return try inner.wait() } catch {
                calls.add("caught")
                return try cleanUp.wait()
            }
        }
        let outer = greenlet.deferred()
        try loop.runUntilIdle()
        loop.post { greenlet.kill() }
        try loop.runUntilIdle()
        #expect(calls.all == ["canceller", "caught"])
        #expect(outer.words == "pending")
        loop.post { try? cleanUp.callback(3) }
        try loop.runUntilIdle()
        #expect(outer.words != "pending")
        outer.ignoreFailure()
    }

    @Test("D25: the result of blocking work arrives on the loop; waiting there is refused, where Twisted deadlocks")
    func threads() async throws {
        let loop = loop
        let (value, isOnLoop, isRefused) = try await onThread { () -> (Int, Bool, Bool) in
            let isOnLoop = Box(false)
            let isRefused = Box(false)
            let endless = Deferred<Int>()
            let deferred = loop.runInExecutor(WorkerPool(size: 1)) { 7 }.deferred().addCallback { value in
                isOnLoop.value = loop.isCurrent
                return value + 1
            }
            loop.post {
                do { try endless.wait() } catch { isRefused.value = error is WouldDeadlock }
            }
            return (try loop.run(until: deferred), isOnLoop.value, isRefused.value)
        }
        #expect(value == 8)
        #expect(isOnLoop && isRefused)
    }
}
