// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
import CStackSwitch
import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

/// Lives on a loop.
private actor LoopActor {
    private nonisolated let loop: IOLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }
    private var number = 0

    init(_ loop: IOLoop) { self.loop = loop }

    func next() -> Int {
        number += 1
        return number
    }

    /// Runs a portal on the loop that the actor lives on.
    func portal(_ promise: Future<Int>) async throws -> Int {
        let loop = loop
        return try await Greenlet.run(on: loop) { try promise.wait() + (loop.isCurrent ? 100 : 0) }
    }
}

private actor PlainActor {
    var number = 1
    func portal(on loop: IOLoop) async throws -> Bool {
        let before = number
        let onLoop = try await Greenlet.run(on: loop) {
            try Greenlet.yield()
            return loop.isCurrent
        }
        return onLoop && before == number
    }
}

@MainActor
private func mainActorPortal(on loop: IOLoop) async throws -> Bool {
    let onLoop = try await Greenlet.run(on: loop) {
        try Greenlet.yield()
        let main = try Greenlet.await { await MainActor.run { MainActor.assumeIsolated { true } } }
        return loop.isCurrent && main
    }
    MainActor.assertIsolated()
    return onLoop
}

/// Not Sendable, on purpose.
private final class Ledger {
    var entries: [Int] = []
}

@Suite("Portals: where they run")
struct PortalPlaceTests {
    @Test("H14: every entry into a portal's stack is on the loop's thread, whoever calls it, over thousands of parks")
    func pinned() async throws {
        try await onLoop { (loop) async throws in
            let home = Promise<UInt>()
            loop.post { home.succeed(threadIdentity) }
            let thread = try await home.future.value
            let rounds = stress(4_000)
            let wrong = try await withThrowingTaskGroup(of: Int.self) { group in
                for task in 0..<4 {
                    group.addTask {
                        var wrong = 0
                        for round in 0..<rounds / 16 {
                            wrong += try await Greenlet.run(on: loop) {
                                // The first stretch too: optimised builds are where it went wrong.
                                var wrong = threadIdentity == thread ? 0 : 1
                                for park in 0..<4 {
                                    let promise = Promise<Int>()
                                    switch (task + round + park) % 4 {
                                    case 0: Task.detached { promise.succeed(1) }
                                    case 1: loop.post { promise.succeed(1) }
                                    case 2:
                                        try Greenlet.await { await Task.yield() }
                                        promise.succeed(1)
                                    default:
                                        try Greenlet.yield()
                                        promise.succeed(1)
                                    }
                                    _ = try promise.future.wait()
                                    if threadIdentity != thread || !loop.isCurrent { wrong += 1 }
                                }
                                return wrong
                            }
                            if round % 3 == 0 { await Task.yield() }
                        }
                        return wrong
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(wrong == 0)
        }
    }

    @Test("H14: portals work from the main actor, an actor, an actor on the loop, the pool, and a task that prefers it")
    func callers() async throws {
        try await onLoop { (loop) async throws in
            #expect(try await mainActorPortal(on: loop))
            #expect(try await PlainActor().portal(on: loop))
            let promise = Promise<Int>()
            let actor = LoopActor(loop)
            async let fromLoopActor = actor.portal(promise.future)
            // The actor is not held while its portal is parked.
            #expect(await actor.next() == 1)
            promise.succeed(5)
            #expect(try await fromLoopActor == 105)
            let fromPool = try await Task.detached { try await Greenlet.run(on: loop) { loop.isCurrent } }.value
            #expect(fromPool)
            let preferring = Task(executorPreference: loop) { try await Greenlet.run(on: loop) { loop.isCurrent } }
            #expect(try await preferring.value)
        }
    }

    @Test("H5: the loop's isolation holds inside a portal: an actor that lives on it can be assumed there")
    func assumed() async throws {
        try await onLoop { (loop) async throws in
            let actor = LoopActor(loop)
            let isIsolated = try await Greenlet.run(on: loop) { () throws -> Bool in
                try Greenlet.yield()
                return actor.assumeIsolated { _ in loop.isCurrent }
            }
            #expect(isIsolated)
        }
    }

    @Test("H5: the caller's isolation does not reach into a portal: assuming the main actor stops the process")
    func notAssumed() async {
        await #expect(processExitsWith: .failure) {
            @MainActor func attempt() async throws {
                try await Greenlet.run {
                    try Greenlet.yield()
                    MainActor.assumeIsolated {}
                }
            }
            try await attempt()
        }
    }

    @Test("H4, AG8: a portal's task is its caller's; so are its task-locals, also after parks and under others'")
    func taskLocals() async throws {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<8 {
                group.addTask {
                    try await Local.$name.withValue("caller \(number)") {
                        let host = unsafe Unchecked(sy_current_task())
                        return try await Greenlet.run { () throws -> Bool in
                            var right = unsafe Local.name == "caller \(number)" && sy_current_task() == host.value
                            for round in 0..<20 {
                                try Local.$name.withValue("inner \(number)") {
                                    if round % 2 == 0 {
                                        try Greenlet.yield()
                                    } else {
                                        try Greenlet.sleep(for: .microseconds(10))
                                    }
                                    right = right && Local.name == "inner \(number)"
                                }
                                right =
                                    unsafe right && Local.name == "caller \(number)" && sy_current_task() == host.value
                            }
                            return right
                        }
                    }
                }
            }
            for try await right in group { #expect(right) }
        }
    }

    @Test("H3, H4: greenlets between portals see neither their task nor their task-locals")
    func beside() async throws {
        try await onLoop { (loop) async throws in
            let wrong = Counter()
            let stops = Counter()
            let greenlet = Greenlet.spawn(on: loop) {
                while stops.value == 0 {
                    if unsafe Local.name != "none" || sy_current_task() != nil { wrong.add() }
                    try Greenlet.yield()
                }
            }
            try await Local.$name.withValue("portal") {
                try await Greenlet.run(on: loop) {
                    // On the loop: whoever spins there does not have to wait for another thread to get a turn.
                    defer { stops.add() }
                    for _ in 0..<200 {
                        try Greenlet.yield()
                        if Local.name != "portal" { wrong.add() }
                    }
                }
            }
            try await greenlet.value
            #expect(wrong.value == 0)
        }
    }
}

@Suite("Portals: values, errors, cancellation")
struct PortalTests {
    @Test("What a portal captures and returns need not be Sendable")
    func notSendable() async throws {
        let ledger = Ledger()
        ledger.entries = [1]
        let result = try await Greenlet.run { () throws -> Ledger in
            ledger.entries.append(try Future.succeeded(2).wait())
            try Greenlet.yield()
            let result = Ledger()
            result.entries = ledger.entries + [3]
            return result
        }
        #expect(result.entries == [1, 2, 3])
    }

    @Test("V12: what a portal's body throws is thrown to the caller, the same error")
    func throwing() async throws {
        final class Identified: Error, Sendable {}
        let error = Identified()
        do {
            try await Greenlet.run {
                try Greenlet.yield()
                throw error
            }
            Issue.record("nothing was thrown")
        } catch let thrown as Identified {
            #expect(thrown === error)
        }
        await #expect(throws: Oops(number: 8)) {
            try await Greenlet.run { _ = try Future<Int>.failed(Oops(number: 8)).wait() }
        }
    }

    @Test("V13: a task cancelled before its portal starts: the body runs, and its first wait throws")
    func cancelledBefore() async throws {
        let ran = Counter()
        let task = Task {
            unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
            try await Greenlet.run {
                ran.add()
                try forever.future.wait()
                ran.add()
            }
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(ran.value == 1)
    }

    @Test("V13: cancelling the task throws at the wait in progress, and leaves the source, which ends if it was alone")
    func cancelledAtWait() async throws {
        let promise = Promise<Int>()
        let parked = Promise<Void>()
        let order = OrderRecorder()
        let task = Task {
            try await Greenlet.run {
                defer { order.record("unwound") }
                parked.succeed(())
                do { _ = try promise.future.wait() } catch {
                    order.record("\(type(of: error))")
                    throw error
                }
            }
        }
        try await parked.future.value
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(order.entries == ["CancellationError", "unwound"])
        #expect(promise.future.isCancelled)
    }

    @Test("V13: a portal in a cancelled task that never waits but yields is interrupted, too")
    func cancelledAtYield() async throws {
        let running = Promise<Void>()
        let task = Task {
            try await Greenlet.run {
                running.succeed(())
                while true { try Greenlet.yield() }
            }
        }
        try await running.future.value
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("V13: each further wait of a portal in a cancelled task throws as well")
    func cancelledAgain() async throws {
        let task = Task {
            unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
            return try await Greenlet.run { () -> Int in
                var thrown = 0
                for _ in 0..<5 {
                    do { try forever.future.wait() } catch is CancellationError { thrown += 1 }
                }
                return thrown
            }
        }
        #expect(try await task.value == 5)
    }

    @Test("V13: clean-up of a cancelled portal waits in a task of its own")
    func cleanUp() async throws {
        let cleaned = Promise<Int>()
        let inside = Promise<Void>()
        let task = Task {
            try await Greenlet.run {
                defer {
                    try? Greenlet.await {
                        let cleaning = Task { try? await Future<Void>.sleep(for: .milliseconds(1)).map { 7 }.value }
                        if let value = await cleaning.value { cleaned.succeed(value) }
                    }
                }
                inside.succeed(())
                try forever.future.wait()
            }
        }
        try await inside.future.value
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(cleaned.future.outcome.map { try? $0.get() } == 7)
    }

    @Test("V13: a portal may be killed like any greenlet, by who has its handle")
    func killed() async throws {
        let handle = Promise<AnyGreenlet>()
        let task = Task {
            try await Greenlet.run {
                handle.succeed(Greenlet.current!)
                try forever.future.wait()
            }
        }
        try await handle.future.value.kill()
        await #expect(throws: CancellationError.self) { try await task.value }
        try await onThread { [greenlet = try await handle.future.value] in
            try greenlet.join()
            #expect(greenlet.isDead)
            greenlet.kill()
        }
    }

    @Test("AG7: an async function inside a portal runs in the same task: its task-locals, its cancellation")
    func awaiting() async throws {
        let inside = Promise<Void>()
        let task = Task {
            try await Local.$name.withValue("caller") {
                try await Greenlet.run { () throws -> String in
                    let name = try Greenlet.await { () async -> String in
                        await Task.yield()
                        return Local.name
                    }
                    inside.succeed(())
                    try Greenlet.await {
                        // Ends only by the task's cancellation.
                        _ = try? await forever.future.value
                        #expect(Task.isCancelled)
                    }
                    return name
                }
            }
        }
        try await inside.future.value
        task.cancel()
        #expect(try await task.value == "caller")
        await #expect(throws: Oops(number: 3)) {
            try await Greenlet.run { try Greenlet.await { throw Oops(number: 3) } }
        }
    }

    @Test("EV3: an async function in a spawned greenlet runs in a task on its loop, and the greenlet parks")
    func awaitingSpawned() async throws {
        try await onLoop { (loop) async throws in
            let order = OrderRecorder()
            let gate = Promise<Void>()
            let greenlet = Greenlet.spawn(on: loop) { () throws -> Bool in
                try Greenlet.await { () async throws -> Bool in
                    let onLoop = loop.isCurrent
                    try await gate.future.value
                    order.record("awaited")
                    return onLoop
                }
            }
            Greenlet.spawn(on: loop) {
                order.record("meanwhile")
                gate.succeed(())
            }
            #expect(try await greenlet.value)
            #expect(order.entries == ["meanwhile", "awaited"])
            let failing = Greenlet.spawn(on: loop) { try Greenlet.await { throw Oops(number: 4) } }
            await #expect(throws: Oops(number: 4)) { try await failing.value }
        }
    }

    @Test("Portals nest, on one loop and on two")
    func nested() async throws {
        try await onLoop { (loop) async throws in
            let sum = try await Greenlet.run { () throws -> Int in
                let inner = try Greenlet.await {
                    try await Greenlet.run(on: loop) { () throws -> Int in
                        try Greenlet.yield()
                        let innermost = try Greenlet.await {
                            try await Greenlet.run { () throws -> Int in
                                try Greenlet.yield()
                                return loop.isCurrent ? 0 : 1
                            }
                        }
                        return innermost + (loop.isCurrent ? 10 : 0)
                    }
                }
                try Greenlet.yield()
                return inner + (IOLoop.shared.isCurrent ? 100 : 0)
            }
            #expect(sum == 111)
        }
    }

    @Test("A deadline ends a wait in a portal, which may wait again")
    func deadline() async throws {
        let value = try await Greenlet.run { () throws -> Int in
            let promise = Promise<Int>()
            do { return try promise.future.wait(timeout: .milliseconds(1)) } catch is TimedOut {}
            Task.detached { promise.succeed(2) }
            return try promise.future.wait(timeout: .seconds(60))
        }
        #expect(value == 2)
    }

    @Test("H7: a portal releases what its body captured when it has ended, not when its handle goes")
    func captures() async throws {
        let ended = Counter()
        let handles = Log<AnyGreenlet>()
        let before = sy_stack_get_statistics().live
        for number in 0..<stress(300) {
            let sentinel = Sentinel(ended)
            _ = try? await Greenlet.run { () throws -> Int in
                sentinel.use()
                handles.add(Greenlet.current!)
                if number % 2 == 0 { try Greenlet.yield() }
                if number % 3 == 0 { throw Oops() }
                return 1
            }
        }
        #expect(ended.value == stress(300))
        #expect(allDead(handles.entries))
        #expect(await eventually { sy_stack_get_statistics().live <= before + 64 })
    }

    @Test("H11: many tasks in portals of one loop wait for each other's results")
    func many() async throws {
        try await onLoop { (loop) async throws in
            let count = stress(400)
            let promises = (0...count).map { _ in Promise<Int>() }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<count {
                    group.addTask {
                        try await Greenlet.run(on: loop) {
                            promises[index + 1].succeed(try promises[index].future.wait() + 1)
                        }
                    }
                }
                promises[0].succeed(0)
                try await group.waitForAll()
            }
            #expect(try await promises[count].future.value == count)
        }
    }
}
