// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops
import QueueBridge
import Testing

/// Runs a loop for a source: until it has its outcome, or nothing goes on.
private func run<Value: Sendable>(_ loop: VirtualLoop, until source: some Awaitable<Value>) throws -> Value {
    try loop.run(until: source, patience: .seconds(300))
}

@Suite("Greenlets that wait for each other in lines") struct DeadlockTests {
    @Test(
        "S9, V3: the last that could run and waits on a channel of its loop is told, with who waits for what; the others go on"
    )
    func channel() async throws {
        try await onThread { () throws in
            let loop = VirtualLoop()
            let numbers = Channel<Int>("numbers", confinedTo: loop)
            let other = Greenlet.spawn(on: loop, name: "other") { try numbers.receive().wait() }
            let main = Greenlet.spawn(on: loop, name: "main") { () -> String in
                do { return "\(try numbers.receive().wait())" } catch let deadlock as Deadlock {
                    #expect(deadlock.cycle.isEmpty && deadlock.waiters.count == 2)
                    #expect("\(deadlock)".contains("other") && "\(deadlock)".contains("main"))
                    #expect("\(deadlock)".contains("waits for channel \"numbers\""))
                    try numbers.waitSend(7)
                    return "told"
                }
            }
            #expect(try run(loop, until: main) == "told")
            #expect(try run(loop, until: other) == 7)
        }
    }

    @Test(
        "S9, V3: so is one that others wait for; what it throws is what they get, and the run that waited does not hang"
    )
    func chain() async throws {
        try await onThread { () throws in
            let loop = try IOLoop(name: "driven")
            let jobs = Queue<Int>("jobs", confinedTo: loop)
            let inner = Greenlet.spawn(on: loop, name: "inner") { try jobs.get().wait() }
            let middle = Greenlet.spawn(on: loop) { try inner.wait() + 1 }
            let outer = Greenlet.spawn(on: loop) { try middle.wait() + 1 }
            let error = #expect(throws: Deadlock.self) { try loop.run(until: outer) }
            #expect(error?.waiters.count == 3)
            #expect(inner.isDead && middle.isDead)
            // The loop, and its hub, are as good as before.
            #expect(try loop.run(until: Greenlet.spawn(on: loop) { 3 }) == 3)
        }
    }

    @Test("S9, V3: a run for all greenlets, or until the stop, tells one after the other")
    func all() async throws {
        try await onThread { () throws in
            let loop = try IOLoop(name: "driven for all")
            let full = try Queue<Int>("full", capacity: 1, confinedTo: loop)
            let told = Log<Int>()
            for number in 0..<3 {
                Greenlet.spawn(on: loop) {
                    do { for _ in 0..<2 { try full.put(number).wait() } } catch is Deadlock { told.add(number) }
                }
            }
            try loop.run(until: Hub.whenIdle(of: loop))
            #expect(told.all == [0, 1, 2])
            let line = Channel<Int>("unanswered", confinedTo: loop)
            Greenlet.spawn(on: loop) {
                do { try line.waitSend(1) } catch is Deadlock { loop.stop() }
            }
            try loop.run()
        }
    }

    @Test("V3: what a thread, a timer, a pool, a portal, a limit or an announced post may still end is no deadlock")
    func noDeadlock() async throws {
        try await onThread { () throws in
            let loop = try IOLoop(name: "patient")
            func expectsValue(
                _ channel: Channel<Int>,
                _ place: StaticString,
                beside: () throws -> Void
            ) throws {
                let receiver = Greenlet.spawn(on: loop, name: "receiver") { try channel.receive().wait() }
                try beside()
                #expect(try loop.run(until: receiver) == 5, "\(place)")
            }
            // One that is not confined, whose other end a thread has.
            let shared = Channel<Int>("shared")
            try expectsValue(shared, "a thread") {
                try PlainThread.start("sender") {
                    _ = blockUntil { shared.balance == -1 }
                    do { try shared.send(5).wait() } catch { Issue.record(error) }
                }
            }
            let own = Channel<Int>("own", confinedTo: loop)
            try expectsValue(own, "a timer") {
                _ = loop.schedule(after: .milliseconds(1)) { #expect(throws: Never.self) { _ = try own.trySend(5) } }
            }
            try expectsValue(own, "a greenlet that waits for a promise of a thread") {
                let promise = Promise<Int>("a thread's")
                Greenlet.spawn(on: loop) { try own.waitSend(try promise.future.wait()) }
                try PlainThread.start("promiser") {
                    _ = blockUntil { own.balance == -1 }
                    promise.succeed(5)
                }
            }
            try expectsValue(own, "a job of a pool") {
                loop.runInExecutor { blockUntil { own.balance == -1 } }.callback { _ in
                    #expect(throws: Never.self) { _ = try own.trySend(5) }
                }
            }
            try expectsValue(own, "a portal") {
                let begun = Promise<Void>("the portal's beginning")
                _ = Task {
                    try await Greenlet.run(on: loop) {
                        begun.succeed(())
                        try Greenlet.await { _ = await eventually { own.balance == -1 } }
                        try own.waitSend(5)
                    }
                }
                // Until then it is a task that will post some time.
                try loop.run(until: begun.future)
            }
            try expectsValue(own, "a limit") {
                Greenlet.spawn(on: loop) {
                    let empty = Channel<Int>("empty", confinedTo: loop)
                    #expect(throws: TimedOut.self) { try empty.receive().wait(timeout: .milliseconds(1)) }
                    try own.waitSend(5)
                }
            }
            try expectsValue(own, "an announced post") {
                let expected = Hub.expectPosts(on: loop)
                try PlainThread.start("poster") {
                    _ = blockUntil { own.balance == -1 }
                    loop.post { #expect(throws: Never.self) { _ = try own.trySend(5) } }
                    expected.end()
                    expected.end()
                }
            }
            // When that is over, it is one.
            let expected = Hub.expectPosts(on: loop)
            let last = Greenlet.spawn(on: loop) { try own.receive().wait() }
            try PlainThread.start("nobody") {
                _ = blockUntil { own.balance == -1 }
                expected.end()
            }
            #expect(throws: Deadlock.self) { try loop.run(until: last) }
        }
    }

    @Test("V3: a run for what somebody else may complete goes on, and so does a loop that only settles")
    func othersMayComplete() async throws {
        try await onThread { () throws in
            let loop = VirtualLoop()
            let channel = Channel<Int>("later", confinedTo: loop)
            let receiver = Greenlet.spawn(on: loop) { try channel.receive().wait() }
            try loop.runUntilIdle()
            try loop.advance(by: .seconds(60))
            let promise = Promise<Int>("a thread's")
            try PlainThread.start("completes") { promise.succeed(1) }
            _ = try run(loop, until: promise.future)
            #expect(!receiver.isDead)
            Greenlet.spawn(on: loop) { try channel.waitSend(8) }
            #expect(try run(loop, until: receiver) == 8)
        }
    }

    @Test("V3: an announcement may outlive its loop")
    func outlived() async throws {
        try await onThread { () throws in
            weak var released: IOLoop?
            var expected: ExpectedPosts?
            do {
                let loop = try IOLoop(name: "short-lived")
                (released, expected) = (loop, Hub.expectPosts(on: loop))
            }
            #expect(released == nil)
            expected?.end()
            expected = nil
        }
    }

    @Test("S9: a confined line refuses whoever is not on its loop, by name, and nothing is put there")
    func confinement() async throws {
        try await onThread { () throws in
            let loop = VirtualLoop(name: "home")
            let channel = Channel<Int>("mine", confinedTo: loop)
            let queue = try Queue<Int>("mine, too", capacity: 2, confinedTo: loop)
            let attempts: [() throws -> Void] = [
                { try channel.send(1).wait() }, { _ = try channel.receive().wait() }, { try channel.waitSend(1) },
                { _ = try channel.trySend(1) }, { _ = try channel.tryReceive() }, { _ = try channel.waitNext() },
                { try queue.put(1).wait() }, { _ = try queue.get().wait() }, { _ = try queue.tryPut(1) },
                { _ = try queue.tryGet() },
            ]
            for attempt in attempts {
                let error = #expect(throws: ConfinedElsewhere.self) { try attempt() }
                #expect(error.map { "\($0)" }?.contains("loop \"home\"") == true)
            }
            #expect(channel.balance == 0 && queue.isEmpty)
            #expect(channel.send(1).future().failure is ConfinedElsewhere)
            let user = Greenlet.spawn(on: loop) {
                try queue.put(4).wait()
                return try queue.get().wait()
            }
            #expect(try run(loop, until: user) == 4)
        }
    }
}
