// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CStackSwitch
import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

/// Greenlets and their loop, and whether that is still there.
private struct Left<Value: Sendable>: Sendable {
    let greenlets: [Greenlet<Value>]
    weak var loop: (any Loop)?
}

/// Runs a loop whose thread is about to end, as soon as that has left it.
private func runWhenLeft<Value: Sendable>(_ loop: IOLoop, until source: some Awaitable<Value>) throws -> Value {
    var result: Result<Value, any Error>?
    _ = blockUntil {
        do { result = .success(try loop.run(until: source)) } catch is CannotRunLoop { return false } catch {
            result = .failure(error)
        }
        return true
    }
    return try result!.get()
}

@Suite("What becomes of greenlets when their thread ends")
struct ThreadEndTests {
    @Test(
        "H14: greenlets unwind when their thread ends and nobody has stopped their loop, which is reported and released"
    )
    func unwinds() async throws {
        let reports = ReportCollector(containing: "deserted, driven")
        let ended = Counter()
        let count = stress(hasStacks ? 1_000 : 100)
        let left = try await onThread { () throws -> Left<Int> in
            let loop = try IOLoop(name: "deserted, driven")
            let parked = Promise<Void>()
            let waiting = Counter()
            let greenlets = (0..<count).map { number in
                Greenlet<Int>.spawn(on: loop) {
                    let sentinel = Sentinel(ended)
                    defer { sentinel.use() }
                    waiting.add()
                    if waiting.value == count { parked.succeed(()) }
                    if number % 2 == 0 { try Greenlet.sleep(for: .seconds(1_000)) }
                    return try forever.future.wait()
                }
            }
            try loop.run(until: parked.future)
            return Left(greenlets: greenlets, loop: loop)
        }
        for greenlet in left.greenlets {
            let error = await #expect(throws: LoopClosed.self) { try await greenlet.value }
            #expect("\(error!)".contains("whose thread has ended"))
            #expect(error?.loop == "deserted, driven")
        }
        #expect(ended.value == count)
        #expect(await eventually { left.loop == nil })
        #expect(await reports.settledReports().count == 1)
    }

    @Test("H14: what unwinds there may still wait for another greenlet, and cannot spawn")
    func waitsMeanwhile() async throws {
        let reports = ReportCollector(containing: "deserted, busy")
        let log = Log<String>()
        let left = try await onThread { () throws -> Left<Void> in
            let loop = VirtualLoop(name: "deserted, busy")
            let first = Greenlet.spawn(on: loop) {
                do { try forever.future.wait() } catch {
                    try Greenlet.yield()
                    log.add("first")
                    throw error
                }
            }
            let second = Greenlet.spawn(on: loop) {
                defer {
                    try? first.join()
                    log.add("second")
                    let late = Greenlet.spawn {}
                    log.add((try? late.wait()) == nil ? "refused" : "spawned")
                }
                try forever.future.wait()
            }
            try loop.runUntilIdle()
            return Left(greenlets: [first, second], loop: loop)
        }
        await #expect(throws: LoopClosed.self) { try await left.greenlets[0].value }
        await #expect(throws: LoopClosed.self) { try await left.greenlets[1].value }
        #expect(log.entries == ["first", "second", "refused"])
        #expect(await reports.settledReports().count == 1)
    }

    @Test("H14: a portal that is parked there unwinds in its task")
    func portal() async throws {
        let reports = ReportCollector(containing: "deserted by a portal")
        let ended = Counter()
        let loop = try IOLoop(name: "deserted by a portal")
        let parked = Promise<Void>()
        let task = Task {
            try await Greenlet.run(on: loop) {
                let sentinel = Sentinel(ended)
                defer { sentinel.use() }
                parked.succeed(())
                try forever.future.wait()
            }
        }
        try await onThread { try loop.run(until: parked.future) }
        let error = await #expect(throws: LoopClosed.self) { try await task.value }
        #expect("\(error!)".contains("whose thread has ended"))
        #expect(ended.value == 1)
        #expect(await reports.settledReports().count == 1)
    }

    @Test("H14: afterwards the loop runs on another thread, and greenlets that had not begun run there")
    func goesOn() async throws {
        let reports = ReportCollector(containing: "deserted, taken over")
        let loop = try IOLoop(name: "deserted, taken over")
        let parked = try await onThread {
            let greenlet = Greenlet.spawn(on: loop) { try forever.future.wait() }
            try loop.run(until: Future<Void>.sleep(for: .zero, on: loop))
            return greenlet
        }
        await #expect(throws: LoopClosed.self) { try await parked.value }
        let fresh = Greenlet.spawn(on: loop) { 1 }
        #expect(try await onThread { try runWhenLeft(loop, until: fresh) } == 1)
        #expect(await reports.settledReports().count == 1)
        // This thread ended with nobody parked.
        let next = try await onThread {
            let next = Greenlet.spawn(on: loop) { 2 }
            return next
        }
        #expect(try await onThread { try runWhenLeft(loop, until: next) } == 2)
        #expect(await reports.settledReports().count == 1)
        loop.stop()
    }

    @Test("H14, H6: one that goes on waiting there is given up, kept and reported")
    func refuses() async throws {
        let reports = ReportCollector(containing: "stubborn on a thread that ends")
        let before = sy_stack_get_statistics().abandoned
        let greenlet = try await onThread { () throws -> Greenlet<Void> in
            let loop = VirtualLoop(name: "deserted by a stubborn one")
            let greenlet = Greenlet.spawn(on: loop, name: "stubborn on a thread that ends") {
                while true { _ = try? forever.future.wait() }
            }
            try loop.runUntilIdle()
            return greenlet
        }
        await #expect(throws: LoopClosed.self) { try await greenlet.value }
        #expect(await reports.settledReports().count == 1)
        #expect(sy_stack_get_statistics().abandoned > before)
    }
}
