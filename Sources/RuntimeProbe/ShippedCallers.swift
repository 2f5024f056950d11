// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops

/// Portals in portals on real loops, opened from wherever they can be, with everything looked at on each step.
///
/// Four tasks, one to three portals deep (`Greenlet.run` in `Greenlet.await` in `Greenlet.run`): at each level the seed draws
/// who calls, on which of one or two loops, and how the body parks; beside them greenlets of the hubs park as well, which
/// belong to no task.
final class ShippedCallers: Sendable {
    enum Caller: CaseIterable { case mainActor, actor, loopActor, pool, preferring }

    /// One level of a nest.
    struct Level {
        let caller: Caller
        let loop: IOLoop
        let kinds: [Int]
    }

    private let loops: [IOLoop]
    private let findings = Lock(Findings())

    private init(_ loops: [IOLoop]) { self.loops = loops }

    static func run(seed: UInt64, loops: [IOLoop]) async -> Findings {
        var random = SplitMix64(state: seed)
        let used = Array(loops.prefix(Int.random(in: 1...loops.count, using: &random)))
        let plans = (0..<4).map { _ in
            (0..<Int.random(in: 1...3, using: &random)).map { _ in
                Level(
                    caller: Caller.allCases.randomElement(using: &random)!,
                    loop: used.randomElement(using: &random)!,
                    kinds: (0..<2).map { _ in Int.random(in: 0..<5, using: &random) }
                )
            }
        }
        return await ShippedCallers(used).run(plans)
    }

    fileprivate func expect(_ holds: Bool, _ what: @autoclosure () -> String) {
        if holds { return }
        let what = what()
        findings.withLock { $0.wrong.append(what) }
    }

    private func run(_ plans: [[Level]]) async -> Findings {
        let greenlets = loops.map { loop in Greenlet.spawn(on: loop) { try self.plain(loop) } }
        await withTaskGroup(of: Void.self) { group in
            for (number, plan) in plans.enumerated() {
                group.addTask { await self.nest(plan, "task \(number)") }
            }
        }
        for greenlet in greenlets {
            do { try await greenlet.value } catch { expect(false, "a greenlet ended with \(error)") }
        }
        return findings.withLock { $0 }
    }

    private func nest(_ plan: [Level], _ name: String) async {
        let task = currentTask()
        do {
            let sum = try await Local.$name.withValue(name) { try await call(plan[...], name, task) }
            expect(sum == plan.count, "\(name): the sum is \(sum), not \(plan.count)")
        } catch { expect(false, "\(name): \(error)") }
        see("none", task, "\(name), after all")
    }

    private func see(_ name: String, _ task: UInt, _ place: String) {
        expect(Local.name == name, "\(place) sees \(Local.name), not \(name)")
        expect(task != 0 && currentTask() == task, "\(place) is in another task")
    }

    // MARK: Asynchronous levels

    private func call(_ plan: ArraySlice<Level>, _ path: String, _ task: UInt) async throws -> Int {
        guard let level = plan.first else { return 0 }
        switch level.caller {
        case .mainActor: return try await callOnMainActor(plan, path, task)
        case .actor: return try await PlainCaller().call(self, plan, path, task)
        case .loopActor: return try await LoopCaller(level.loop).call(self, plan, path, task)
        case .pool:
            return try await withTaskExecutorPreference(globalConcurrentExecutor) {
                let sum = try await self.portal(plan, path, task)
                self.expect(!self.loops.contains { $0.isCurrent }, "\(path): back on a loop, not in the pool")
                return sum
            }
        case .preferring:
            return try await withTaskExecutorPreference(level.loop) {
                let sum = try await self.portal(plan, path, task)
                self.expect(level.loop.isCurrent, "\(path): not back on the loop it prefers")
                return sum
            }
        }
    }

    @MainActor
    private func callOnMainActor(_ plan: ArraySlice<Level>, _ path: String, _ task: UInt) async throws -> Int {
        let sum = try await portal(plan, path, task)
        // Which thread the main actor runs on is the system's affair: the first one need not stay.
        MainActor.preconditionIsolated()
        expect(!loops.contains { $0.isCurrent }, "\(path): back on a loop, not on the main actor")
        return sum
    }

    /// On its caller's executor.
    fileprivate func portal(_ plan: ArraySlice<Level>, _ path: String, _ task: UInt) async throws -> Int {
        let level = plan[plan.startIndex]
        see(path, task, "\(path), before its portal")
        let sum = try await Greenlet.run(on: level.loop) { try self.block(plan, path, task) }
        see(path, task, "\(path), after its portal")
        return sum
    }

    // MARK: Blocking levels

    private func block(_ plan: ArraySlice<Level>, _ path: String, _ task: UInt) throws -> Int {
        let level = plan[plan.startIndex]
        let rest = plan.dropFirst()
        func look(_ name: String) {
            see(name, task, name)
            expect(level.loop.isCurrent, "\(name) is on another thread than its loop's")
        }
        look(path)
        let scope = "\(path)/\(level.caller)"
        let sum = try Local.$name.withValue(scope) {
            for kind in level.kinds {
                try park(kind, level.loop)
                look(scope)
            }
            let inner = try Greenlet.await { try await self.call(rest, scope, task) }
            look(scope)
            try park(rest.count, level.loop)
            look(scope)
            return inner + 1
        }
        look(path)
        return sum
    }

    private func plain(_ loop: IOLoop) throws {
        for round in 0..<4 {
            expect(currentTask() == 0, "a greenlet sees a task")
            expect(Local.name == "none", "a greenlet sees \(Local.name)")
            try park(round, loop)
            expect(loop.isCurrent, "a greenlet is on another thread than its loop's")
        }
    }

    private func park(_ kind: Int, _ loop: IOLoop) throws {
        findings.withLock { $0.parks += 1 }
        let promise = Promise<Void>()
        switch kind {
        case 0: return try Greenlet.yield()
        case 1: loop.post { promise.succeed(()) }
        case 2: Task.detached { promise.succeed(()) }
        case 3:
            promise.succeed(())
            try Greenlet.spawn(on: loop) { try Greenlet.yield() }.join()
        default:
            promise.succeed(())
            try Greenlet.await { await Task.yield() }
        }
        try promise.future.wait()
    }
}

private actor PlainCaller {
    private var calls = 0

    func call(
        _ stress: ShippedCallers,
        _ plan: ArraySlice<ShippedCallers.Level>,
        _ path: String,
        _ task: UInt
    ) async throws -> Int {
        calls += 1
        let sum = try await stress.portal(plan, path, task)
        preconditionIsolated()
        return sum
    }
}

/// Lives on the loop.
private actor LoopCaller {
    private nonisolated let loop: IOLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }
    private var calls = 0

    init(_ loop: IOLoop) { self.loop = loop }

    func call(
        _ stress: ShippedCallers,
        _ plan: ArraySlice<ShippedCallers.Level>,
        _ path: String,
        _ task: UInt
    ) async throws -> Int {
        calls += 1
        let sum = try await stress.portal(plan, path, task)
        stress.expect(loop.isCurrent, "\(path): not back on the loop of its actor")
        return sum
    }
}
