// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// Random schedules of tasks whose synchronous frames park, checked at every step.
///
/// Four children, three rounds each: five frames down, park, come back, yield. What to run next, a fresh job or a
/// parked stack, is drawn from the seed.
package final class PortalStress {
    package enum Shape: String, CaseIterable {
        /// Every job runs on a stack of its own, so parked and fresh jobs interleave freely.
        case jobsOnStacks = "jobs on stacks of their own"
        /// Jobs run on the thread's own stack; the body has a stack, and its task suspends when it parks.
        case portal = "bodies hosted by their task"
    }

    private let shape: Shape
    private let queue = JobQueue()
    private var parked: [() -> Void] = []
    private var running: Stack?
    private var findings = Findings()
    private var random: SplitMix64

    private init(_ shape: Shape, seed: UInt64) {
        self.shape = shape
        random = SplitMix64(state: seed)
    }

    package static func run(_ shape: Shape, seed: UInt64) -> Findings {
        PortalStress(shape, seed: seed).run()
    }

    private func expect(_ holds: Bool, _ what: @autoclosure () -> String) {
        if !holds { findings.wrong.append(what()) }
    }

    private func run() -> Findings {
        // SAFETY: one thread runs all of it; the compiler cannot know.
        nonisolated(unsafe) let stress = self
        // SAFETY: as above.
        nonisolated(unsafe) var total: Int?
        Task(executorPreference: queue) { unsafe total = await stress.work() }
        while !(queue.jobs.isEmpty && parked.isEmpty) { step() }
        let sum = unsafe total
        expect(sum == 4 * 3 * 6, "the sum is \(String(describing: sum)), not 72")
        expect(currentTask() == 0, "the hub has a current task at the end")
        return findings
    }

    private func step() {
        let fresh = queue.jobs.count
        let choice = Int.random(in: 0..<(fresh + parked.count), using: &random)
        if choice >= fresh {
            parked.remove(at: choice - fresh)()
        } else {
            let job = queue.take(choice)
            switch shape {
            case .jobsOnStacks: enter(Stack { [queue] _ in queue.run(job) })
            case .portal: queue.run(job)
            }
        }
        expect(currentTask() == 0, "the hub sees a current task")
        expect(Local.name == "none", "the hub sees the task-local \(Local.name)")
    }

    private func enter(_ stack: Stack, hosted: Bool = false) {
        let before = running
        running = stack
        stack.enter(hosted: hosted)
        running = before
    }

    // ------------------------------------------------------------------------------------------ inside the tasks

    private func work() async -> Int {
        // SAFETY: see `run`.
        nonisolated(unsafe) let stress = self
        return await withTaskGroup(of: Int.self) { group in
            for child in 0..<4 {
                group.addTask {
                    await Local.$name.withValue("child \(child)") { await unsafe stress.rounds("child \(child)") }
                }
            }
            return await group.reduce(0, +)
        }
    }

    private func rounds(_ name: String) async -> Int {
        var sum = 0
        for round in 0..<3 {
            switch shape {
            case .jobsOnStacks: sum += descend(5, name, round)
            case .portal: sum += await host { self.descend(5, name, round) }
            }
            await Task.yield()
            expect(Local.name == name, "after a yield \(name) sees \(Local.name)")
            expect(currentTask() != 0, "after a yield \(name) has no task")
        }
        return sum
    }

    private func descend(_ depth: Int, _ name: String, _ round: Int) -> Int {
        if depth > 0 { return descend(depth - 1, name, round) + 1 }
        let task = currentTask()
        expect(task != 0, "\(name) has no task below five frames")
        Local.$name.withValue("\(name), round \(round)") {
            park()
            expect(Local.name == "\(name), round \(round)", "\(name) sees \(Local.name) in its own scope")
        }
        expect(Local.name == name, "\(name) sees \(Local.name) after its scope")
        expect(currentTask() == task, "\(name) woke in another task")
        return 1
    }

    private func park() {
        findings.parks += 1
        let stack = running!
        if shape == .jobsOnStacks {
            parked.append { self.enter(stack) }
        }
        stack.park()
    }

    private func host(_ body: @escaping () -> Int) async -> Int {
        var result = 0
        let stack = Stack { _ in result = body() }
        enter(stack, hosted: true)
        while !stack.isFinished {
            await unsafe withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
                parked.append { unsafe continuation.resume() }
            }
            enter(stack, hosted: true)
        }
        return result
    }
}
