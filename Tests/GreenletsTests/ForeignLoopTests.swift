// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

@Suite("Greenlets on loops that know nothing of them")
struct ForeignLoopTests {
    @Test("EV2: greenlets and callbacks share the thread of a foreign loop, and greenlets that yield starve nobody")
    func sharing() async throws {
        try await onQueueLoop { (loop) async throws in
            let (threads, order, isOver) = (Log<UInt>(), OrderRecorder(), Counter())
            let greenlets = ["1", "2"].map { name in
                Greenlet.spawn(on: loop) {
                    threads.add(threadIdentity)
                    if name == "1" {
                        Greenlet.spawn { order.record("spawned on \(CurrentLoop.current?.name ?? "none")") }
                    }
                    while isOver.value == 0 { try Greenlet.yield() }
                    order.record(name)
                }
            }
            _ = loop.schedule(after: .milliseconds(1)) {
                threads.add(threadIdentity)
                loop.post { isOver.add() }
            }
            for greenlet in greenlets { try await greenlet.value }
            #expect(order.entries.first == "spawned on foreign" && order.entries.count == 3)
            #expect(Set(threads.entries).count == 1)
        }
    }

    @Test("EV2: they wait, sleep, time out, join and are killed there as on a loop of Switchyard's")
    func waiting() async throws {
        try await onQueueLoop { (loop) async throws in
            let promise = Promise<Int>()
            let asleep = Greenlet.spawn(on: loop) { try Greenlet.sleep(for: .seconds(1_000)) }
            let joining = Greenlet.spawn(on: loop) { () throws -> Int in
                try Greenlet.sleep(for: .milliseconds(1))
                #expect(throws: TimedOut.self) { try forever.future.wait(timeout: .milliseconds(1)) }
                #expect(throws: TimedOut.self) { try asleep.join(timeout: .milliseconds(1)) }
                let timer = try Greenlet.schedule(after: .seconds(1_000)) {}
                #expect(timer.cancel())
                asleep.kill()
                try asleep.join()
                return try promise.future.wait() + Greenlet.spawn { 1 }.wait()
            }
            #expect(await eventually { promise.future._observers == 1 })
            promise.succeed(41)
            #expect(try await joining.value == 42)
            await #expect(throws: CancellationError.self) { try await asleep.value }
            #expect(try await Hub.dump(of: loop).value == "0 greenlets on loop \"foreign\"")
            try await Hub.whenIdle(of: loop).value
        }
    }

    @Test("EV2: async code runs in greenlets there, and greenlets in async code: on the loop's thread")
    func seam() async throws {
        try await onQueueLoop { (loop) async throws in
            let there = try await Greenlet.spawn(on: loop) { threadIdentity }.value
            let awaited = Greenlet.spawn(on: loop) {
                try Greenlet.await {
                    await Task.yield()
                    return threadIdentity
                }
            }
            #expect(try await awaited.value == there)
            let portal = try await Greenlet.run(on: loop) { () throws -> [UInt] in
                let before = threadIdentity
                try Greenlet.sleep(for: .milliseconds(1))
                let inside = try Greenlet.await { try await Greenlet.run(on: loop) { threadIdentity } }
                return [before, inside, threadIdentity]
            }
            #expect(portal == [there, there, there])
        }
    }

    @Test("EV2: when a foreign loop stops, its greenlets end with LoopClosed, and so do those that come later")
    func closing() async throws {
        let ended = Counter()
        let late = Log<Greenlet<Int>>()
        let parked = Log<Greenlet<Int>>()
        try await onQueueLoop("foreign, stopped") { (loop) async throws in
            parked.add(
                Greenlet.spawn(on: loop) {
                    let sentinel = Sentinel(ended)
                    defer { sentinel.use() }
                    return try forever.future.wait()
                }
            )
            try await Greenlet.spawn(on: loop) {}.value
            loop.stop()
            await #expect(throws: LoopClosed.self) { try await parked.entries[0].value }
            late.add(Greenlet.spawn(on: loop) { 1 })
        }
        await #expect(throws: LoopClosed.self) { try await late.entries[0].value }
        #expect(ended.value == 1)
    }

    @Test("EV2: foreign loops are released with their hubs, stopped or not")
    func releasing() async throws {
        func use(_ number: Int) async throws -> Released {
            let loop = QueueLoop(name: "foreign \(number)")
            if number % 2 == 0 {
                let thread = Future.offThread { loop.run() }
                try await Greenlet.spawn(on: loop) { try Greenlet.yield() }.value
                loop.stop()
                try await thread.value
            } else {
                // Never run: made, asked for its greenlets, and dropped.
                _ = Hub.whenIdle(of: loop)
            }
            return Released(loop: loop)
        }
        for number in 0..<20 {
            let released = try await use(number)
            #expect(await eventually { released.loop == nil })
        }
        #expect(Hub.foreignCount <= 8)
    }

    private struct Released: Sendable { weak var loop: QueueLoop? }

    @Test(
        "EV1: which loop is which hub: the one that takes a stopped loop's place has a new hub, and orphans get LoopClosed"
    )
    func replaced() async throws {
        let first = try IOLoop.onOwnThread(name: "the first")
        let orphan = Greenlet.spawn(on: first) { try forever.future.wait() }
        let hub = try await Greenlet.spawn(on: first) { ObjectIdentifier(Greenlet.current!.hub) }.value
        first.stop()
        let error = await #expect(throws: LoopClosed.self) { try await orphan.value }
        #expect(error?.loop == "the first")
        try await onLoop("the second") { (second) async throws in
            let other = try await Greenlet.spawn(on: second) { ObjectIdentifier(Greenlet.current!.hub) }.value
            #expect(other != hub)
            await #expect(throws: LoopClosed.self) { try await Greenlet.spawn(on: first) {}.value }
            #expect(try await Greenlet.spawn(on: second) { 1 }.value == 1)
        }
    }
}
