// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import DeferredBridge
import Futures
import Testing

@Suite struct LockTests {
    // MARK: D22

    @Test("D22: a lock is had in the order in which it was asked for")
    func lockOrder() throws {
        let lock = DeferredLock()
        let log = Log<Int>()
        for index in 0..<4 {
            lock.acquire().addCallback { _ in log.add(index) }
        }
        #expect(log.all == [0] && lock.isLocked && lock.waiters == 3)
        for _ in 0..<4 { try lock.release() }
        #expect(log.all == [0, 1, 2, 3] && !lock.isLocked)
    }

    @Test("D22: a semaphore gives out its tokens, and refuses to be made without one")
    func semaphore() throws {
        let semaphore = try DeferredSemaphore(tokens: 2)
        let acquired = (0..<3).map { _ in semaphore.acquire() }
        #expect(acquired.map(\.words) == ["()", "()", "pending"])
        #expect(semaphore.freeTokens == 0 && semaphore.waiters == 1)
        try semaphore.release()
        #expect(acquired[2].words == "()")
        #expect(throws: InvalidLimit.self) { try DeferredSemaphore(tokens: 0) }
    }

    @Test("D22: releasing too often is an error that names it")
    func overRelease() throws {
        #expect(throws: NotAcquired.self) { try DeferredLock().release() }
        let semaphore = try DeferredSemaphore(tokens: 1)
        _ = semaphore.acquire()
        try semaphore.release()
        #expect(throws: NotAcquired.self) { try semaphore.release() }
    }

    @Test("D22: a cancellation before the grant takes the waiter out of the line, after it has no effect")
    func cancelWaiter() throws {
        let lock = DeferredLock()
        let first = lock.acquire()
        let second = lock.acquire()
        let third = lock.acquire()
        second.cancel()
        #expect(second.words == "CancellationError" && lock.waiters == 1)
        first.cancel()
        #expect(first.words == "()" && lock.isLocked)
        try lock.release()
        #expect(third.words == "()")
    }

    @Test("D22: run releases when the body has returned or thrown, or when the Deferred it returns has its result")
    func run() throws {
        let lock = DeferredLock()
        let oops = Oops()
        #expect(lock.run { 1 }.words == "1" && !lock.isLocked)
        let thrown: Deferred<Int> = lock.run { throw oops }
        #expect(thrown.words == oops.words && !lock.isLocked)
        let inner = Deferred<Int>()
        let waiting = lock.run { inner }
        #expect(lock.isLocked && waiting.words == "pending")
        try inner.callback(5)
        #expect(!lock.isLocked && waiting.words == "5")
        let failing = Deferred<Int>()
        let failed = lock.run { failing }
        try failing.errback(oops)
        #expect(!lock.isLocked && failed.words == oops.words)
        thrown.ignoreFailure()
        failed.ignoreFailure()
    }

    @Test("D22: a cancelled run never calls its body, or cancels what the body has returned")
    func cancelRun() throws {
        let lock = DeferredLock()
        let calls = Log<String>()
        _ = lock.acquire()
        let waiting = lock.run { calls.add("body") }
        waiting.cancel()
        #expect(waiting.words == "CancellationError")
        try lock.release()
        let inner = Deferred<Int> { _ in calls.add("inner") }
        let running = lock.run { inner }
        running.cancel()
        #expect(running.words == "CancellationError")
        #expect(calls.all == ["inner"] && !lock.isLocked)
    }

    @Test("D22: 100,000 waiters that release at once need no stack; Twisted's overflow after 199")
    func selfReleasing() async throws {
        let waiters = scaled(100_000)
        let served = try await onThread(stackBytes: smallStack) { () -> Int in
            let lock = DeferredLock()
            let log = Log<Int>()
            _ = lock.acquire()
            for index in 0..<waiters { _ = lock.run { log.add(index) } }
            try lock.release()
            return log.all == Array(0..<waiters) ? log.count : -1
        }
        #expect(served == waiters)
    }

    @Test("D22: no token is lost when releases and cancellations meet")
    func releaseMeetsCancel() async throws {
        for _ in 0..<scaled(300) {
            let lock = DeferredLock()
            _ = lock.acquire()
            let waiter = lock.acquire()
            async let released: Void = onThread { try lock.release() }
            async let cancelled: Void = onThread { waiter.cancel() }
            _ = try await (released, cancelled)
            #expect(waiter.words == "()" ? lock.isLocked : !lock.isLocked)
        }
    }

    // MARK: D23

    @Test("D23: elements come out in the order in which they went in, also to those who wait")
    func queueOrder() throws {
        let queue = try DeferredQueue<Int>()
        try queue.put(1)
        try queue.put(2)
        #expect(try queue.get().words == "1")
        #expect(try queue.get().words == "2")
        let waiting = try (0..<2).map { _ in try queue.get() }
        try queue.put(3)
        #expect(waiting.map(\.words) == ["3", "pending"])
        try queue.put(4)
        #expect(waiting.map(\.words) == ["3", "4"])
    }

    @Test("D23: going over a limit is thrown by the call; zero is a limit, less is not")
    func limits() throws {
        let queue = try DeferredQueue<Int>(size: 0, backlog: 1)
        #expect(throws: QueueOverflow.self) { try queue.put(1) }
        let waiting = try queue.get()
        #expect(throws: QueueUnderflow.self) { try queue.get() }
        try queue.put(2)
        #expect(waiting.words == "2")
        let other = try DeferredQueue<Int>(size: 1, backlog: 0)
        #expect(throws: QueueUnderflow.self) { try other.get() }
        try other.put(1)
        #expect(throws: QueueOverflow.self) { try other.put(2) }
        #expect(try other.get().words == "1")
        #expect(throws: InvalidLimit.self) { try DeferredQueue<Int>(size: -1) }
        #expect(throws: InvalidLimit.self) { try DeferredQueue<Int>(backlog: -1) }
    }

    @Test("D23: a cancelled get leaves the line, and the next element is kept")
    func cancelledGet() throws {
        let queue = try DeferredQueue<Int>()
        let waiting = try queue.get()
        waiting.cancel()
        #expect(waiting.words == "CancellationError" && queue.waiters == 0)
        try queue.put(1)
        #expect(queue.count == 1)
        #expect(try queue.get().words == "1")
    }
}
