// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

@Suite("Killing and cancelling greenlets")
struct KillTests {
    @Test("V13: a kill before the start means the body never runs, and observers see a cancellation")
    func beforeStart() async throws {
        try await onVirtualLoop { (loop) throws in
            let ran = Counter()
            let ended = Counter()
            let killed = Promise<Greenlet<Void>>()
            loop.post {
                let sentinel = Sentinel(ended)
                let greenlet = Greenlet.spawn {
                    sentinel.use()
                    ran.add()
                }
                greenlet.kill()
                killed.succeed(greenlet)
            }
            try loop.runUntilIdle()
            let greenlet = try loop.run(until: killed.future)
            #expect(greenlet.isDead && ran.value == 0 && ended.value == 1)
            #expect(throws: CancellationError.self) { try loop.run(until: greenlet) }
            #expect(try loop.run(until: Hub.dump(of: loop)).hasPrefix("0 greenlets"))
        }
    }

    @Test("V13: a kill throws GreenletExit at the wait in progress; handlers have run when the end is seen")
    func whileParked() async throws {
        try await onVirtualLoop { (loop) throws in
            let order = OrderRecorder()
            let promise = Promise<Int>()
            let greenlet = Greenlet.spawn(on: loop) {
                defer { order.record("cleaned up") }
                do { _ = try promise.future.wait() } catch {
                    order.record("\(type(of: error))")
                    throw error
                }
            }
            _ = greenlet.observe { order.record("\($0)") }
            try loop.runUntilIdle()
            greenlet.kill()
            try loop.runUntilIdle()
            #expect(order.entries == ["GreenletExit", "cleaned up", "failure(Swift.CancellationError())"])
        }
    }

    @Test("V13: a kill leaves the source that was waited for, and cancels it if nobody else observes it")
    func leavesTheSource() async throws {
        try await onVirtualLoop { (loop) throws in
            let alone = Promise<Int>()
            let shared = Promise<Int>()
            let watching = shared.future.observe { _ in }
            let greenlets = [alone, shared].map { promise in
                Greenlet.spawn(on: loop) { _ = try promise.future.wait() }
            }
            try loop.runUntilIdle()
            for greenlet in greenlets { greenlet.kill() }
            try loop.runUntilIdle()
            #expect(allDead(greenlets))
            #expect(alone.future.isCancelled)
            #expect(!shared.future.isCompleted)
            watching.withdraw()
            shared.succeed(1)
        }
    }

    @Test("V13: a kill that comes when the wait is over already comes at the next one, and the value is not lost")
    func whileReady() async throws {
        try await onVirtualLoop { (loop) throws in
            let order = OrderRecorder()
            let promise = Promise<Int>()
            let greenlet = Greenlet.spawn(on: loop) {
                order.record("got \(try promise.future.wait())")
                try forever.future.wait()
            }
            try loop.runUntilIdle()
            loop.post {
                promise.succeed(1)
                greenlet.kill()
            }
            try loop.runUntilIdle()
            #expect(order.entries == ["got 1"])
            #expect(greenlet.isDead && greenlet.future().isCancelled)
        }
    }

    @Test("V13: a greenlet that kills itself is interrupted at its next wait")
    func itself() async throws {
        try await onVirtualLoop { (loop) throws in
            let order = OrderRecorder()
            let greenlet = Greenlet.spawn(on: loop) {
                Greenlet.current!.kill()
                order.record("goes on")
                try Greenlet.yield()
                order.record("never")
            }
            try loop.runUntilIdle()
            #expect(throws: CancellationError.self) { try loop.run(until: greenlet) }
            #expect(order.entries == ["goes on"])
        }
    }

    @Test("V13: a greenlet may swallow the kill and go on; its own outcome stands")
    func swallowed() async throws {
        try await onVirtualLoop { (loop) throws in
            let promise = Promise<Int>()
            let greenlet = Greenlet.spawn(on: loop) { () -> Int in
                do { return try forever.future.wait() } catch is GreenletExit {}
                return try promise.future.wait()
            }
            try loop.runUntilIdle()
            greenlet.kill()
            try loop.runUntilIdle()
            #expect(!greenlet.isDead)
            promise.succeed(3)
            #expect(try loop.run(until: greenlet) == 3)
        }
    }

    @Test("V13: repeated kills and kills of a dead greenlet are harmless, from any thread")
    func repeated() async throws {
        try await onLoop { (loop) async throws in
            let parked = Promise<Void>()
            let exits = Counter()
            let greenlet = Greenlet.spawn(on: loop) {
                parked.succeed(())
                do { try forever.future.wait() } catch {
                    exits.add()
                    throw error
                }
            }
            try await parked.future.value
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 { group.addTask { try await onThread { for _ in 0..<10 { greenlet.kill() } } } }
                try await group.waitForAll()
            }
            await #expect(throws: CancellationError.self) { try await greenlet.value }
            greenlet.kill()
            greenlet.kill(Oops())
            await #expect(throws: CancellationError.self) { try await greenlet.value }
            #expect(exits.value == 1)
        }
    }

    @Test("V13: a kill of a dead greenlet whose loop has gone is harmless")
    func loopGone() async throws {
        let greenlet = try await onThread {
            let loop = VirtualLoop()
            let greenlet = Greenlet.spawn(on: loop) { 1 }
            try loop.run(until: greenlet)
            return greenlet
        }
        greenlet.kill()
        #expect(try await greenlet.value == 1)
    }

    @Test("V13: kills from another thread while a greenlet ends and its loop goes are harmless")
    func whileTheLoopGoes() async throws {
        for _ in 0..<stress(500) {
            try await onThread {
                let loop = VirtualLoop()
                let greenlet = Greenlet.spawn(on: loop) {}
                let started = Counter()
                let killer = Future.offThread {
                    started.add()
                    for _ in 0..<50 { greenlet.kill() }
                }
                while started.value == 0 { sy_thread_yield() }
                _ = try? loop.run(until: greenlet)
                loop.stop()
                _ = killer
            }
        }
    }

    @Test("V13: killed with an error of one's own, the greenlet fails with that error")
    func ownError() async throws {
        try await onVirtualLoop { (loop) throws in
            let greenlet = Greenlet.spawn(on: loop) { try forever.future.wait() }
            let unstarted = Greenlet.spawn(on: loop) { 1 }
            try loop.runUntilIdle()
            greenlet.kill(Oops(number: 5))
            #expect(throws: Oops(number: 5)) { try loop.run(until: greenlet) }
            #expect(try loop.run(until: unstarted) == 1)
            let late = Promise<Greenlet<Int>>()
            loop.post {
                let greenlet = Greenlet.spawn { 1 }
                greenlet.kill(Oops(number: 6))
                late.succeed(greenlet)
            }
            let never = try loop.run(until: late.future)
            #expect(throws: Oops(number: 6)) { try loop.run(until: never) }
        }
    }

    @Test("V13: who waits for the end of a killed greenlet may give up after a timeout")
    func joinTimeout() async throws {
        try await onVirtualLoop { (loop) throws in
            let order = OrderRecorder()
            let stubborn = Greenlet.spawn(on: loop) {
                while true {
                    do { try forever.future.wait() } catch { order.record("refuses") }
                    if order.count == 2 { return }
                }
            }
            let killer = Greenlet.spawn(on: loop) {
                try Greenlet.yield()
                stubborn.kill()
                #expect(throws: TimedOut.self) { try stubborn.join(timeout: .seconds(1)) }
                stubborn.kill()
                try stubborn.join(timeout: .seconds(1))
            }
            try loop.run(until: killer)
            #expect(order.count == 2)
        }
    }

    @Test("V13: cancelling the future of a greenlet kills it, which ends as it decides")
    func futureCancelled() async throws {
        try await onVirtualLoop { (loop) throws in
            let order = OrderRecorder()
            let greenlet = Greenlet.spawn(on: loop) {
                do { try forever.future.wait() } catch {
                    order.record("\(type(of: error))")
                    throw error
                }
            }
            let polite = Greenlet.spawn(on: loop) { () -> Int in
                do { return try forever.future.wait() } catch { return 7 }
            }
            try loop.runUntilIdle()
            #expect(greenlet.future().cancel() == .tooLate)
            #expect(polite.future().cancel() == .tooLate)
            try loop.runUntilIdle()
            #expect(greenlet.future().isCancelled)
            #expect(order.entries == ["GreenletExit"])
            #expect(try loop.run(until: polite) == 7)
        }
    }

    @Test("EV4: cancelling the task that awaits a greenlet kills it; killing it shows as cancellation to who awaits")
    func tasks() async throws {
        try await onLoop { (loop) async throws in
            let parked = Promise<Void>()
            let unwound = Promise<Void>()
            let greenlet = Greenlet.spawn(on: loop) {
                defer { unwound.succeed(()) }
                parked.succeed(())
                try forever.future.wait()
            }
            let task = Task { try await greenlet.value }
            try await parked.future.value
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            try await unwound.future.value
            #expect(await eventually { greenlet.isDead })

            let second = Greenlet.spawn(on: loop) { try forever.future.wait() }
            let awaiting = Task { try await second.value }
            second.kill()
            await #expect(throws: CancellationError.self) { try await awaiting.value }
        }
    }

    @Test("EV4: a greenlet that others observe as well survives the cancellation of one who awaits it")
    func shared() async throws {
        try await onLoop { (loop) async throws in
            let promise = Promise<Int>()
            let greenlet = Greenlet.spawn(on: loop) { try promise.future.wait() }
            let result = greenlet.future().map { $0 + 1 }
            let task = Task { try await greenlet.value }
            task.cancel()
            _ = try? await task.value
            promise.succeed(1)
            #expect(try await result.value == 2)
        }
    }

    @Test("EV3, V13: a killed greenlet cancels the task it awaits")
    func awaitedTask() async throws {
        try await onLoop { (loop) async throws in
            let started = Promise<Void>()
            let cancelled = Promise<Void>()
            let greenlet = Greenlet.spawn(on: loop) {
                try Greenlet.await {
                    started.succeed(())
                    await withTaskCancellationHandler {
                        _ = try? await forever.future.shielded.value
                    } onCancel: {
                        cancelled.succeed(())
                    }
                }
            }
            try await started.future.value
            greenlet.kill()
            try await cancelled.future.value
            await #expect(throws: CancellationError.self) { try await greenlet.value }
        }
    }

    @Test("H8: the last handle of a parked greenlet may be dropped on any thread; the hub still owns it")
    func droppedHandles() async throws {
        try await onLoop { (loop) async throws in
            let promise = Promise<Void>()
            let result = Promise<UInt>()
            let here = Promise<UInt>()
            do {
                let greenlet = Greenlet.spawn(on: loop) {
                    here.succeed(threadIdentity)
                    try promise.future.wait()
                    result.succeed(threadIdentity)
                }
                _ = greenlet.name
            }
            let place = try await here.future.value
            promise.succeed(())
            #expect(try await result.future.value == place)
        }
    }
}
