// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import QueueBridge
import Testing

@Suite("Semaphores and locks") struct LockTests {
    @Test("T22, V26: permits are given in the order they were asked for; whoever has left takes none")
    func order() throws {
        let loop = VirtualLoop()
        let semaphore = try Semaphore(1)
        #expect(semaphore.tryAcquire() && !semaphore.tryAcquire())
        let log = Log<Int>()
        let waiters = (0..<4).map { n in
            let future = semaphore.acquire().future()
            future.callback { if case .success = $0 { log.add(n) } }
            return future
        }
        let late = semaphore.acquire().timeout(.seconds(1), on: loop).future()
        waiters[1].cancel()
        try loop.advance(by: .seconds(1))
        #expect(late.failure is TimedOut)
        for _ in 0..<4 { try semaphore.release() }
        #expect(log.all == [0, 2, 3])
        #expect(semaphore.available == 1)
    }

    @Test("T22: a negative number is refused; releasing too often is an error with a limit, and adds a permit without")
    func limits() throws {
        #expect(throws: InvalidCount.self) { try Semaphore(-1) }
        #expect(throws: InvalidCount.self) { try Semaphore(2, limit: 1) }
        let growing = try Semaphore(0)
        try growing.release()
        #expect(growing.available == 1)
        let bounded = try Semaphore(1, limit: 1, name: "slots")
        #expect(throws: ReleasedTooOften.self) { try bounded.release() }
        do { try bounded.release() } catch {
            #expect("\(error)".hasPrefix("ReleasedTooOften: semaphore \"slots\" was released more often than acquired"))
        }
    }

    @Test("T22: a scope gives its permit back, also when the body throws, in blocking code and in async code")
    func scopes() async throws {
        let semaphore = try Semaphore(1)
        #expect(throws: Oops.self) { try Greenlet.spawnAndThrow { try semaphore.withPermit { throw Oops() } } }
        await #expect(throws: Oops.self) { try await semaphore.withPermit { () async throws in throw Oops() } }
        #expect(try await onThread { try semaphore.withPermit { semaphore.available } } == 0)
        #expect(try await semaphore.withPermit { () async throws in semaphore.available } == 0)
        #expect(semaphore.available == 1)
        await #expect(throws: TimedOut.self) {
            try await semaphore.withPermit { () async throws in
                try await onThread { try semaphore.withPermit(timeout: .zero) {} }
            }
        }
    }

    @Test("T24: a scope whose time is up before it began takes no permit with it, in a greenlet and on a thread")
    func scopesThatGiveUp() async throws {
        let loop = VirtualLoop()
        let semaphore = try Semaphore(0)
        let lock = ReentrantLock()
        let log = Log<String>()
        await #expect(throws: TimedOut.self) { try await onThread { try semaphore.withPermit(timeout: .zero) {} } }
        Greenlet.spawn(on: loop) {
            do { try semaphore.withPermit(timeout: .seconds(1)) {} } catch { log.add("\(error)") }
        }
        let holder = Greenlet.spawn(on: loop) { try lock.withLock { try Event().wait() } }
        Greenlet.spawn(on: loop) {
            do { try lock.withLock(timeout: .seconds(1)) {} } catch { log.add("\(error)") }
        }
        try loop.runUntilIdle()
        try loop.advance(by: .seconds(1))
        holder.kill()
        try loop.runUntilIdle()
        try semaphore.release()
        #expect(semaphore.available == 1 && !lock.isLocked)
        #expect(
            log.all.first?.hasPrefix("TimedOut: an acquire on a semaphore did not complete within 1.0 seconds.") == true
        )
        #expect(log.count == 2)
        loop.stop()
    }

    @Test("T24: permits meet waiters that leave, and none is lost", .timeLimit(.minutes(1)))
    func permitsAreNotLost() async throws {
        let semaphore = try Semaphore(0)
        let count = scaled(20_000)
        let acquired = Log<Bool>()
        async let releasing: Void = onThread { for _ in 0..<count { try semaphore.release() } }
        async let leaving: Void = onThread {
            for _ in 0..<count {
                let registration = semaphore.acquire().future().observe { if case .success = $0 { acquired.add(true) } }
                registration.cancel()
            }
        }
        _ = try await (releasing, leaving)
        #expect(acquired.count + semaphore.available == count)
    }

    @Test("V26: a semaphore works between threads, tasks and greenlets", .timeLimit(.minutes(1)))
    func styles() async throws {
        let semaphore = try Semaphore(2, limit: 2)
        let room = Room()
        let count = scaled(1_000)
        let greenlets = (0..<2).map { _ in
            Greenlet.spawn { for _ in 0..<count { try semaphore.withPermit { room.visit() } } }
        }
        async let thread: Void = onThread { for _ in 0..<count { try semaphore.withPermit { room.visit() } } }
        async let task: Void = { for _ in 0..<count { try await semaphore.withPermit { () async in room.visit() } } }()
        _ = try await (thread, task)
        for greenlet in greenlets { try await greenlet.value }
        #expect(room.most <= 2 && semaphore.available == 2)
    }

    @Test("T22: a lock is handed on in order, and is no longer held after the last; releasing a free one is an error")
    func lock() throws {
        let lock = QueueBridge.Lock("door")
        #expect(lock.tryAcquire() && lock.isLocked && !lock.tryAcquire())
        let (one, two) = (lock.acquire().future(), lock.acquire().future())
        try lock.release()
        #expect(one.isCompleted && !two.isCompleted)
        try lock.release()
        #expect(two.isCompleted && lock.isLocked)
        try lock.release()
        #expect(!lock.isLocked)
        #expect(throws: ReleasedTooOften.self) { try lock.release() }
    }

    @Test("V26: a reentrant lock belongs to the greenlet, task or thread that took it, which may take it again")
    func reentrant() async throws {
        let lock = ReentrantLock("mine")
        let depths = try await onThread {
            try lock.withLock { try lock.withLock { [lock.depth, try lock.withLock { lock.depth }] } }
        }
        #expect(depths == [2, 3] && !lock.isLocked)
        let taskDepth = try await lock.withLock { () async throws in
            try await lock.withLock { () async throws in
                // Another task is somebody else.
                let other = Task { () -> Bool in
                    let waiting = Task { try await lock.withLock { () async in true } }
                    waiting.cancel()
                    return (try? await waiting.value) ?? false
                }
                return await other.value ? -1 : lock.depth
            }
        }
        #expect(taskDepth == 2 && lock.depth == 0)
        let loop = VirtualLoop()
        let log = Log<String>()
        for n in 1...2 {
            Greenlet.spawn(on: loop) {
                try lock.withLock {
                    try lock.withLock { log.add("\(n) in \(lock.depth)") }
                    try Greenlet.yield()
                    log.add("\(n) out")
                }
            }
        }
        try loop.runUntilIdle()
        #expect(log.all == ["1 in 2", "1 out", "2 in 2", "2 out"])
        #expect(throws: Oops.self) { try Greenlet.spawnAndThrow { try lock.withLock { throw Oops() } } }
        #expect(!lock.isLocked)
        loop.stop()
    }

    @Test("T22: a lock holds across waits, in blocking code and in async code", .timeLimit(.minutes(1)))
    func lockAcrossWaits() async throws {
        let lock = QueueBridge.Lock()
        let pause = Queue<Void>()
        let log = Log<String>()
        let greenlet = Greenlet.spawn {
            try lock.withLock {
                log.add("greenlet in")
                try pause.get().wait()
                log.add("greenlet out")
            }
        }
        #expect(await eventually { log.count == 1 })
        async let task: Void = lock.withLock { () async throws in log.add("task in") }
        _ = try pause.tryPut(())
        try await task
        try await greenlet.value
        #expect(log.all == ["greenlet in", "greenlet out", "task in"])
    }
}

/// Counts how many are inside at once.
private final class Room: Sendable {
    private let inside = Futures.Lock<(now: Int, most: Int)>((0, 0))
    var most: Int { inside.withLock { $0.most } }

    func visit() {
        inside.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
        inside.withLock { $0.now -= 1 }
    }
}

extension Greenlet where Success == Void {
    /// Runs blocking code where a test may wait for its error.
    fileprivate static func spawnAndThrow(_ body: @escaping @Sendable () throws -> Void) throws {
        let loop = VirtualLoop()
        let greenlet = Greenlet.spawn(on: loop, body)
        try loop.runUntilIdle()
        defer { loop.stop() }
        try greenlet.future().outcome?.get()
    }
}

@Suite("Events and conditions") struct EventTests {
    @Test(
        "T21, V18: setting wakes all who wait, in order, also if it is cleared before they run; later waits are immediate"
    )
    func setting() throws {
        let loop = VirtualLoop()
        let event = Event()
        let log = Log<Int>()
        let count = 1_000
        let greenlets = (0..<count).map { n in
            Greenlet.spawn(on: loop) {
                try event.wait()
                log.add(n)
            }
        }
        try loop.runUntilIdle()
        event.set()
        event.clear()
        try loop.runUntilIdle()
        #expect(log.all == Array(0..<count))
        #expect(greenlets.allSatisfy { $0.isDead })
        #expect(!event.isSet && !event.future().isCompleted)
        event.set()
        event.set()
        #expect(event.isSet && event.future().isCompleted)
    }

    @Test("T21: a wait that times out leaves no residue; clearing affects only later waits")
    func timeouts() async throws {
        let loop = VirtualLoop()
        let event = Event()
        let late = event.future().timeout(.seconds(1), on: loop)
        try loop.advance(by: .seconds(1))
        #expect(late.failure is TimedOut)
        let waiting = event.future()
        event.clear()
        event.set()
        #expect(waiting.isCompleted)
        #expect(try await onThread { try event.wait(timeout: .zero) } == ())
        let blocked = Event()
        for _ in 0..<10 {
            await #expect(throws: TimedOut.self) { try await onThread { try blocked.wait(timeout: .zero) } }
        }
        #expect(blocked.description == "an event, not set, 0 waiting")
    }

    @Test("T20: notify wakes so many, the longest first; whoever has timed out or was cancelled does not count")
    func notify() throws {
        let loop = VirtualLoop()
        let condition = Condition()
        #expect(condition.notify() == 0)
        let log = Log<Int>()
        let waiters = (0..<5).map { n in
            let future = condition.notified().future()
            future.callback { if case .success = $0 { log.add(n) } }
            return future
        }
        let late = condition.notified().timeout(.seconds(1), on: loop).future()
        waiters[0].cancel()
        try loop.advance(by: .seconds(1))
        #expect(late.failure is TimedOut)
        #expect(condition.notify(2) == 2)
        #expect(log.all == [1, 2])
        #expect(condition.notifyAll() == 2)
        #expect(log.all == [1, 2, 3, 4])
        #expect(!condition.notified().future().isCompleted)
    }

    @Test("T20: a notification from within one loses nothing; dead waiters leave the line")
    func nested() {
        let condition = Condition()
        let log = Log<String>()
        condition.notified().callback { _ in
            log.add("first")
            condition.notify()
        }
        condition.notified().callback { _ in log.add("second") }
        condition.notify()
        #expect(log.all == ["first", "second"])
        for _ in 0..<1_000 { condition.notified().future().cancel() }
        #expect(condition.notifyAll() == 0)
    }

    @Test("T24: a notification that meets a waiter who leaves goes to the next", .timeLimit(.minutes(1)))
    func notificationsAreNotLost() async throws {
        let condition = Condition()
        let count = scaled(10_000)
        let told = Log<Bool>()
        async let notifying: Int = onThread { (0..<count).reduce(0) { sum, _ in sum + condition.notify() } }
        async let leaving: Void = onThread {
            for _ in 0..<count {
                let registration = condition.notified().future().observe { if case .success = $0 { told.add(true) } }
                registration.cancel()
            }
        }
        let woken = try await notifying
        try await leaving
        #expect(told.count == woken)
    }

    @Test(
        "V19, EV5: who completes a promise goes on; all who wait have the outcome, in their order, and later ones at once"
    )
    func promisesAsResults() throws {
        let loop = VirtualLoop()
        let log = Log<String>()
        let promise = Promise<Int>()
        let future = promise.future
        for n in 1...2 { Greenlet.spawn(on: loop) { log.add("\(n) has \(try future.wait())") } }
        let left = Greenlet.spawn(on: loop) { try future.wait() }
        try loop.runUntilIdle()
        left.kill()
        try loop.runUntilIdle()
        Greenlet.spawn(on: loop) {
            promise.succeed(7)
            log.add("completed")
        }
        try loop.runUntilIdle()
        #expect(log.all == ["completed", "1 has 7", "2 has 7"])
        #expect(future.now == 7 && !promise.tryComplete(.success(8)) && future.now == 7)
        let failed = Promise<Int>()
        Greenlet.spawn(on: loop) { do { try failed.future.wait() } catch { log.add("\(error)") } }
        try loop.runUntilIdle()
        failed.fail(Oops())
        try loop.runUntilIdle()
        #expect(log.all.last == "Oops()")
        loop.stop()
    }

    @Test("V20: an event may be set from any thread; one that its last owner releases tells those who wait")
    func anyThread() async throws {
        let event = Event()
        let greenlet = Greenlet.spawn { try event.wait() }
        try await onThread { event.set() }
        try await greenlet.value
        var lost: Event? = Event()
        let waiting = lost?.future()
        lost = nil
        #expect(await eventually { waiting?.failure is QueueClosed })
    }
}
