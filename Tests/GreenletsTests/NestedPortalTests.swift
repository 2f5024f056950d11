// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

/// Lives on a loop.
private actor Resident {
    private nonisolated let loop: IOLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }
    private var visits = 0

    init(_ loop: IOLoop) { self.loop = loop }

    /// Stops the process where this actor's isolation does not hold.
    nonisolated func visit() -> Int {
        assumeIsolated { actor in
            actor.visits += 1
            return actor.visits
        }
    }
}

/// Two loops; or one, twice.
private func onLoops(_ count: Int, _ body: @Sendable ([IOLoop]) async throws -> Void) async throws {
    try await onLoop("first loop") { (first) async throws in
        if count == 1 { return try await body([first, first]) }
        try await onLoop("second loop") { (second) async throws in try await body([first, second]) }
    }
}

/// Portals in portals: `Greenlet.run` in `Greenlet.await` in `Greenlet.run`, on one loop and on two by turns.
@Suite("Portals: nested")
struct NestedPortalTests {
    /// What was not as it has to be, `depth` portals deep.
    private static func descend(_ depth: Int, _ loops: [IOLoop], _ path: String) async throws -> [String] {
        let task = unsafe Unchecked(sy_current_task())
        let loop = loops[depth % 2]
        let outside = path + "/async \(depth)"
        return try await Local.$name.withValue(outside) {
            try await Greenlet.run(on: loop) { () throws -> [String] in
                var wrong: [String] = []
                func check(_ name: String, _ place: String) {
                    if Local.name != name { wrong.append("\(place): \(Local.name), not \(name)") }
                    if unsafe sy_current_task() != task.value { wrong.append("\(place): another task") }
                    if !loop.isCurrent { wrong.append("\(place): not on its loop") }
                }
                func park(_ number: Int) throws {
                    switch number % 3 {
                    case 0: try Greenlet.yield()
                    case 1: try Greenlet.spawn(on: loop) {}.join()
                    default:
                        let promise = Promise<Void>()
                        Task.detached { promise.succeed(()) }
                        try promise.future.wait()
                    }
                }
                check(outside, "at \(depth)")
                let inside = outside + "/blocking \(depth)"
                try Local.$name.withValue(inside) {
                    for number in 0..<6 {
                        try park(number)
                        check(inside, "park \(number) at \(depth)")
                    }
                    wrong += try Greenlet.await {
                        let wrong = depth == 1 ? [] : try await descend(depth - 1, loops, inside)
                        return Local.name == inside ? wrong : wrong + ["after \(depth): \(Local.name)"]
                    }
                    for number in 0..<6 {
                        check(inside, "back \(number) at \(depth)")
                        try park(number)
                    }
                }
                check(outside, "left \(depth)")
                return wrong
            }
        }
    }

    @Test(
        "H22: the caller's task and task-locals hold in nested portals, under scopes of both kinds, over many parks",
        arguments: [1, 2],
        [1, 2, 3]
    )
    func taskLocals(_ loops: Int, _ depth: Int) async throws {
        try await onLoops(loops) { (loops) async throws in
            try await withThrowingTaskGroup(of: [String].self) { group in
                for number in 0..<4 { group.addTask { try await Self.descend(depth, loops, "task \(number)") } }
                for try await wrong in group { #expect(wrong == []) }
            }
        }
    }

    @Test(
        "H22, V13: cancelling the task ends the innermost wait, then each later one, of all levels",
        arguments: [1, 2]
    )
    func cancelled(_ loops: Int) async throws {
        try await onLoops(loops) { (loops) async throws in
            let parked = Promise<Void>()
            let order = OrderRecorder()
            @Sendable func descend(_ depth: Int) async throws {
                try await Greenlet.run(on: loops[depth % 2]) {
                    defer {
                        do { try forever.future.wait() } catch { order.record("\(depth) again: \(type(of: error))") }
                    }
                    do {
                        if depth > 1 { return try Greenlet.await { try await descend(depth - 1) } }
                        parked.succeed(())
                        try forever.future.wait()
                    } catch {
                        order.record("\(depth): \(type(of: error)), \(Task.isCancelled)")
                        throw error
                    }
                }
            }
            let task = Task { try await descend(3) }
            try await parked.future.value
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(
                order.entries
                    == (1...3).flatMap { ["\($0): CancellationError, true", "\($0) again: CancellationError"] }
            )
        }
    }

    @Test(
        "H22: the caller's priority holds in nested portals, and an escalation reaches them while parked",
        arguments: [1, 2]
    )
    func priority(_ loops: Int) async throws {
        try await onLoops(loops) { (loops) async throws in
            let parked = Promise<Void>()
            let gate = Promise<Void>()
            let seen = Log<TaskPriority>()
            let task = Task.detached(priority: .utility) {
                try await Greenlet.run(on: loops[0]) {
                    seen.add(Task.currentPriority)
                    try Greenlet.yield()
                    seen.add(Task.currentPriority)
                    try Greenlet.await {
                        seen.add(Task.currentPriority)
                        try await Greenlet.run(on: loops[1]) {
                            seen.add(Task.currentPriority)
                            parked.succeed(())
                            try gate.future.wait()
                            seen.add(Task.currentPriority)
                            try Greenlet.await { seen.add(Task.currentPriority) }
                        }
                        seen.add(Task.currentPriority)
                    }
                    try Greenlet.yield()
                    seen.add(Task.currentPriority)
                }
            }
            try await parked.future.value
            task.escalatePriority(to: .high)
            gate.succeed(())
            try await task.value
            let before = Array(repeating: TaskPriority.utility, count: 4)
            #expect(seen.entries == before + Array(repeating: .high, count: 4))
        }
    }

    @Test(
        "H22, V13: a kill of the outer portal leaves the inner one alone, and comes at the outer's next wait",
        arguments: [1, 2]
    )
    func outerKilled(_ loops: Int) async throws {
        try await onLoops(loops) { (loops) async throws in
            let outer = Promise<AnyGreenlet>()
            let parked = Promise<Void>()
            let gate = Promise<Int>()
            let order = OrderRecorder()
            let task = Task {
                try await Greenlet.run(on: loops[0]) {
                    outer.succeed(Greenlet.current!)
                    let value = try Greenlet.await {
                        try await Greenlet.run(on: loops[1]) { () throws -> Int in
                            parked.succeed(())
                            return try gate.future.wait()
                        }
                    }
                    order.record("has \(value)")
                    do { try forever.future.wait() } catch {
                        order.record("\(type(of: error))")
                        throw error
                    }
                }
            }
            try await parked.future.value
            try await outer.future.value.kill()
            // What was sent to the loops before this has been done.
            for loop in loops { try await Greenlet.run(on: loop) {} }
            #expect(!gate.future.isCompleted && order.entries == [])
            gate.succeed(3)
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(order.entries == ["has 3", "GreenletExit"])
        }
    }

    @Test(
        "H22, V13: a kill of the inner portal is a cancellation to the outer one, which may go on",
        arguments: [1, 2]
    )
    func innerKilled(_ loops: Int) async throws {
        try await onLoops(loops) { (loops) async throws in
            let inner = Promise<AnyGreenlet>()
            let task = Task {
                try await Greenlet.run(on: loops[0]) { () throws -> Int in
                    do {
                        try Greenlet.await {
                            try await Greenlet.run(on: loops[1]) {
                                inner.succeed(Greenlet.current!)
                                try forever.future.wait()
                            }
                        }
                        return 0
                    } catch is CancellationError {
                        try Greenlet.yield()
                        return Task.isCancelled ? 1 : 2
                    }
                }
            }
            try await inner.future.value.kill()
            #expect(try await task.value == 2)
        }
    }

    @Test("H5: the isolation inside a portal is that of its own loop, before, in and after one that is nested")
    func isolation() async throws {
        try await onLoops(2) { (loops) async throws in
            let (first, second) = (Resident(loops[0]), Resident(loops[1]))
            let visits = try await Greenlet.run(on: loops[0]) { () throws -> [Int] in
                let before = first.visit()
                let inside = try Greenlet.await {
                    try await Greenlet.run(on: loops[1]) { () throws -> [Int] in
                        try Greenlet.yield()
                        return [second.visit(), loops[0].isCurrent ? 1 : 0]
                    }
                }
                return [before] + inside + [first.visit()]
            }
            #expect(visits == [1, 1, 0, 2])
        }
    }

    @Test("H5: the outer portal's isolation does not reach into one that is nested on another loop")
    func foreignIsolation() async {
        await #expect(processExitsWith: .failure) {
            let (first, second) = (try IOLoop.onOwnThread(name: "first"), try IOLoop.onOwnThread(name: "second"))
            let resident = Resident(first)
            try await Greenlet.run(on: first) {
                _ = resident.visit()
                try Greenlet.await { _ = try await Greenlet.run(on: second) { resident.visit() } }
            }
        }
    }

    @Test("H20: nothing parks in a Task.immediate inside of nested portals; its own portal on another loop does")
    func immediate() async throws {
        try await onLoops(2) { (loops) async throws in
            let places = Log<WouldDeadlock.Place?>()
            let sum = try await Greenlet.run(on: loops[0]) { () throws -> Int in
                try Greenlet.await {
                    try await Greenlet.run(on: loops[1]) { () throws -> Int in
                        let gate = Promise<Int>()
                        let task = Task.immediate {
                            func waiting() -> WouldDeadlock.Place? { refusal { try forever.future.wait() } }
                            func awaiting() -> WouldDeadlock.Place? { refusal { try Greenlet.await {} } }
                            places.add(waiting())
                            places.add(awaiting())
                            return try await Greenlet.run(on: loops[0]) { try gate.future.wait() + 1 }
                        }
                        gate.succeed(1)
                        return try task.wait() + (loops[1].isCurrent ? 10 : 0)
                    }
                }
            }
            #expect(sum == 12)
            #expect(places.entries == [.foreignTask, .foreignTask])
        }
    }
}
