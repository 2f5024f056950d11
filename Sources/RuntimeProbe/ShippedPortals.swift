// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CStackSwitch
import ConversionTesting
import Futures
import Greenlets

/// The same stress on what users get: `Greenlet.run`, `Greenlet.await` and greenlets of the hub, on a loop that draws from
/// the seed who is next.
///
/// Four tasks, three rounds each: a portal five frames down parks in one of five ways and comes back; beside them greenlets
/// of the hub park as well, which belong to no task.
final class ShippedPortals: Sendable {
    private let loop: VirtualLoop
    private let seed: UInt64
    private let findings = Lock(Findings())
    private let sum = Lock(0)

    private init(seed: UInt64) {
        self.seed = seed
        loop = VirtualLoop(name: "probe", seed: seed)
    }

    static func run(seed: UInt64) -> Findings { ShippedPortals(seed: seed).run() }

    private func expect(_ holds: Bool, _ what: @autoclosure () -> String) {
        if holds { return }
        let what = what()
        findings.withLock { $0.wrong.append(what) }
    }

    private func run() -> Findings {
        let tasks = (0..<4).map { child in
            Task(executorPreference: loop) {
                let result = await Local.$name.withValue("child \(child)") {
                    await self.rounds("child \(child)", child)
                }
                self.sum.withLock { $0 += result }
            }
        }
        let greenlets = (0..<2).map { number in
            Greenlet.spawn(on: loop) { try self.plain(number) }
        }
        do {
            try loop.advanceUntilIdle()
            for greenlet in greenlets { _ = try greenlet.outcomeSoFar() }
        } catch {
            expect(false, "the loop or a greenlet ended with \(error)")
        }
        _ = tasks
        expect(sum.withLock { $0 } == 4 * 3 * 6, "the sum is \(sum.withLock { $0 }), not 72")
        expect(currentTask() == 0, "the loop has a current task at the end")
        loop.stop()
        return findings.withLock { $0 }
    }

    private func rounds(_ name: String, _ child: Int) async -> Int {
        var sum = 0
        for round in 0..<3 {
            do {
                sum += try await Greenlet.run(on: loop) {
                    try self.descend(5, name, (child + round) &+ Int(self.seed % 5))
                }
            } catch {
                expect(false, "\(name): \(error)")
            }
            await Task.yield()
            expect(Local.name == name, "after a yield \(name) sees \(Local.name)")
            expect(currentTask() != 0, "after a yield \(name) has no task")
        }
        return sum
    }

    private func descend(_ depth: Int, _ name: String, _ kind: Int) throws -> Int {
        if depth > 0 { return try descend(depth - 1, name, kind) + 1 }
        let task = currentTask()
        expect(task != 0, "\(name) has no task below five frames")
        expect(loop.isCurrent, "\(name) is on another thread than its loop's")
        let scope = "\(name), \(kind)"
        try Local.$name.withValue(scope) {
            try park(kind)
            expect(Local.name == scope, "\(name) sees \(Local.name) in its own scope")
        }
        expect(Local.name == name, "\(name) sees \(Local.name) after its scope")
        expect(currentTask() == task, "\(name) woke in another task")
        expect(loop.isCurrent, "\(name) came back on another thread than its loop's")
        return 1
    }

    private func plain(_ number: Int) throws {
        for round in 0..<4 {
            let scope = "greenlet \(number), \(round)"
            expect(currentTask() == 0, "\(scope) sees a task")
            try Local.$name.withValue(scope) {
                try park((number + round) % 4)
                expect(Local.name == scope, "\(scope) sees \(Local.name) in its own scope")
            }
            expect(Local.name == "none", "\(scope) sees \(Local.name) after its scope")
        }
    }

    private func park(_ kind: Int) throws {
        findings.withLock { $0.parks += 1 }
        switch kind % 5 {
        case 0: try Greenlet.yield()
        case 1: try Greenlet.sleep(for: .milliseconds(1))
        case 2:
            let promise = Promise<Void>()
            loop.post { promise.succeed(()) }
            try promise.future.wait()
        case 3: try Greenlet.spawn(on: loop) { try Greenlet.yield() }.join()
        default:
            let name = Local.name
            try Greenlet.await {
                await Task.yield()
                self.expect(Local.name == name, "in Greenlet.await \(name) sees \(Local.name)")
            }
        }
    }
}

extension Greenlet {
    /// The result of a greenlet that has ended.
    fileprivate func outcomeSoFar() throws -> Success {
        guard let outcome = future().outcome else { throw Unfinished() }
        return try outcome.get()
    }
}

private struct Unfinished: Error {}
