// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CStackSwitch
import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

@Suite("What becomes of greenlets when their loop stops")
struct ClosingTests {
    @Test("K3: a stopping loop ends all its greenlets with LoopClosed, thousands too, and their frames unwind")
    func endsAll() async throws {
        let ended = Counter()
        let count = stress(hasStacks ? 10_000 : 500)
        let loop = try IOLoop.onOwnThread(name: "short-lived")
        let parked = Counter()
        let greenlets = (0..<count).map { _ in
            Greenlet.spawn(on: loop) {
                let sentinel = Sentinel(ended)
                defer { sentinel.use() }
                parked.add()
                try forever.future.wait()
            }
        }
        #expect(await eventually { parked.value == count })
        loop.stop()
        try await loop.stopped.value
        for greenlet in greenlets {
            do {
                try await greenlet.value
                Issue.record("ended without an error")
            } catch let error as LoopClosed {
                #expect(error.loop == "short-lived")
            }
        }
        #expect(ended.value == count)
    }

    @Test("K3: sleepers and greenlets that have not begun end with LoopClosed, too")
    func others() async throws {
        try await onVirtualLoop { (loop) throws in
            let ran = Counter()
            let sleeper = Greenlet.spawn(on: loop) { try Greenlet.sleep(for: .seconds(100)) }
            try loop.runUntilIdle()
            let posted = Greenlet.spawn(on: loop) { ran.add() }
            loop.stop()
            #expect(throws: LoopClosed.self) { try sleeper.wait() }
            #expect(throws: LoopClosed.self) { try posted.wait() }
            #expect(ran.value == 0)
        }
    }

    @Test("K3: a greenlet spawned on a stopped loop ends at once with LoopClosed, also on one that had no hub")
    func spawnAfterwards() async throws {
        for hasHub in [true, false] {
            let loop = try IOLoop.onOwnThread(name: "gone")
            if hasHub { try await Greenlet.spawn(on: loop) {}.value }
            loop.stop()
            try await loop.stopped.value
            let ran = Counter()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        let greenlet = Greenlet.spawn(on: loop) { ran.add() }
                        let error = await #expect(throws: LoopClosed.self) { try await greenlet.value }
                        #expect(error?.loop == "gone")
                        greenlet.kill()
                    }
                }
                try await group.waitForAll()
            }
            #expect(ran.value == 0)
        }
    }

    @Test("K3: a greenlet whose loop is released before it ever ran ends with LoopClosed")
    func releasedLoop() async throws {
        let greenlet = try { () throws -> Greenlet<Int> in
            let loop = try IOLoop(name: "never run")
            return Greenlet.spawn(on: loop) { 1 }
        }()
        await #expect(throws: LoopClosed.self) { try await greenlet.value }
    }

    @Test("H6: a greenlet that goes on waiting is given up, kept, counted and reported; its outcome is LoopClosed")
    func refuses() async throws {
        let reports = ReportCollector(containing: "stubborn waiter")
        let before = sy_stack_get_statistics().abandoned
        let tries = Counter()
        let loop = try IOLoop.onOwnThread(name: "refused")
        let parked = Promise<Void>()
        let greenlet = Greenlet.spawn(on: loop, name: "stubborn waiter") {
            parked.succeed(())
            while true {
                do { try forever.future.wait() } catch { tries.add() }
            }
        }
        try await parked.future.value
        loop.stop()
        await #expect(throws: LoopClosed.self) { try await greenlet.value }
        try await loop.stopped.value
        #expect(tries.value <= 16)
        #expect(await reports.settledReports().count == 1)
        #expect(sy_stack_get_statistics().abandoned > before)
    }

    @Test("H6: what a greenlet waits for that was given up may still be completed, after its loop was released")
    func completedAfterwards() async throws {
        let reports = ReportCollector(containing: "given up")
        let promises = [Promise<Int>(), Promise<Int>()]
        // Nobody who leaves is the last.
        for promise in promises { _ = promise.future.observe { _ in } }
        let own = try await giveUp(waitingFor: promises[0])
        let foreign = try await giveUpFarFromHome(waitingFor: promises[1])
        #expect(own.loop != nil && foreign.loop != nil)
        for promise in promises { promise.succeed(1) }
        #expect(await reports.settledReports().count == 2)
    }

    private struct Released { weak var loop: (any Loop)? }

    private func giveUp(waitingFor promise: Promise<Int>) async throws -> Released {
        let loop = try IOLoop.onOwnThread()
        let greenlet = Greenlet.spawn(on: loop, name: "given up") { while true { _ = try? promise.future.wait() } }
        #expect(await eventually { promise.future._observers == 2 })
        loop.stop()
        await #expect(throws: LoopClosed.self) { try await greenlet.value }
        try await loop.stopped.value
        return Released(loop: loop)
    }

    private func giveUpFarFromHome(waitingFor promise: Promise<Int>) async throws -> Released {
        let loop = VirtualLoop()
        let greenlet = try await onThread {
            let greenlet = Greenlet.spawn(on: loop, name: "given up") {
                while true { _ = try? promise.future.wait() }
            }
            try loop.runUntilIdle()
            try Future.offThread { loop.stop() }.wait()
            return greenlet
        }
        await #expect(throws: LoopClosed.self) { try await greenlet.value }
        return Released(loop: loop)
    }

    @Test("H6: so is one that swallows the error and yields, beside others that end")
    func yields() async throws {
        let reports = ReportCollector(containing: "stubborn yielder")
        let loop = try IOLoop.onOwnThread(name: "refused")
        let running = Promise<Void>()
        let greenlet = Greenlet.spawn(on: loop, name: "stubborn yielder") {
            running.succeed(())
            while true { try? Greenlet.yield() }
        }
        let polite = Greenlet.spawn(on: loop) { try forever.future.wait() }
        try await running.future.value
        loop.stop()
        await #expect(throws: LoopClosed.self) { try await greenlet.value }
        await #expect(throws: LoopClosed.self) { try await polite.value }
        try await loop.stopped.value
        #expect(await reports.settledReports().count == 1)
    }

    @Test("K3, H14: a loop stopped on another thread than the one that ran it gives its greenlets up, by name")
    func stoppedElsewhere() async throws {
        let reports = ReportCollector(containing: "far from home")
        let loop = VirtualLoop()
        let (parked, pending) = try await onThread {
            let parked = Greenlet.spawn(on: loop, name: "far from home") { try forever.future.wait() }
            try loop.runUntilIdle()
            let pending = Greenlet.spawn(on: loop) {}
            try Future.offThread { loop.stop() }.wait()
            return (parked, pending)
        }
        await #expect(throws: LoopClosed.self) { try await parked.value }
        await #expect(throws: LoopClosed.self) { try await pending.value }
        #expect(await reports.settledReports().count == 1)
    }

    @Test("K3, H13: completions from other threads while the loop stops lose nobody and give nobody up")
    func completionsMeanwhile() async throws {
        let reports = ReportCollector(containing: "hurried")
        for _ in 0..<stress(100) {
            let loop = try IOLoop.onOwnThread(name: "hurried")
            let promises = (0..<16).map { _ in Promise<Int>() }
            let greenlets = promises.map { promise in
                Greenlet.spawn(on: loop, name: "hurried") { try promise.future.wait() }
            }
            async let completing: Void = onThread { for promise in promises { _ = promise.tryComplete(.success(1)) } }
            loop.stop()
            for greenlet in greenlets {
                do { #expect(try await greenlet.value == 1) } catch is LoopClosed {}
            }
            try await completing
            try await loop.stopped.value
        }
        #expect(await reports.settledReports().count == 0)
    }

    @Test("K3: a portal on a stopped loop throws LoopClosed and its body does not run")
    func portalAfterwards() async throws {
        let loop = try IOLoop.onOwnThread(name: "gone")
        loop.stop()
        try await loop.stopped.value
        let ran = Counter()
        for _ in 0..<2 {
            let error = await #expect(throws: LoopClosed.self) { try await Greenlet.run(on: loop) { ran.add() } }
            #expect(error?.loop == "gone")
        }
        #expect(ran.value == 0)
    }

    @Test("K3: a portal that is parked when its loop stops unwinds with LoopClosed")
    func parkedPortal() async throws {
        let loop = try IOLoop.onOwnThread(name: "closing")
        let ended = Counter()
        let parked = Counter()
        let tasks = (0..<20).map { _ in
            Task {
                try await Greenlet.run(on: loop) {
                    let sentinel = Sentinel(ended)
                    defer { sentinel.use() }
                    parked.add()
                    try forever.future.wait()
                }
            }
        }
        #expect(await eventually { parked.value == 20 })
        loop.stop()
        for task in tasks { await #expect(throws: LoopClosed.self) { try await task.value } }
        #expect(ended.value == 20)
    }

    @Test("K3, H6: a portal that goes on waiting is given up and reported, and its task ends with LoopClosed")
    func stubbornPortal() async throws {
        let reports = ReportCollector(containing: "stubborn portal")
        let loop = try IOLoop.onOwnThread(name: "closing")
        let parked = Promise<Void>()
        let tries = Counter()
        let task = Task {
            try await Greenlet.run(on: loop, name: "stubborn portal") {
                parked.succeed(())
                while true {
                    do { try forever.future.wait() } catch { tries.add() }
                }
            }
        }
        try await parked.future.value
        loop.stop()
        await #expect(throws: LoopClosed.self) { try await task.value }
        #expect(tries.value <= 16)
        #expect(await reports.settledReports().count == 1)
    }

    @Test("K3: a portal whose host awaits elsewhere when the loop stops ends with LoopClosed when that is over")
    func awaitingPortal() async throws {
        let reports = ReportCollector(containing: "portal elsewhere")
        let loop = try IOLoop.onOwnThread(name: "closing")
        let inside = Promise<Void>()
        let gate = Promise<Void>()
        let task = Task {
            try await Greenlet.run(on: loop, name: "portal elsewhere") {
                try Greenlet.await {
                    inside.succeed(())
                    try await gate.future.value
                }
                try Greenlet.yield()
            }
        }
        try await inside.future.value
        loop.stop()
        try await loop.stopped.value
        gate.succeed(())
        await #expect(throws: LoopClosed.self) { try await task.value }
        #expect(await reports.settledReports().count == 1)
    }
}
