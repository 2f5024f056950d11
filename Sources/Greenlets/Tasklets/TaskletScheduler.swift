// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import Loops

/// Tasklets on the calling thread: round robin, each until it waits or gives up its turn (Stackless Python).
///
///     let total = try TaskletScheduler.run { () throws -> Int in
///         let numbers = Channel<Int>()
///         try Tasklet { for n in 1...3 { try numbers.send(n).wait() } }
///         return try (1...3).reduce(0) { sum, _ in try sum + numbers.receive().wait() }
///     }
///
/// The closure is the main tasklet. Tasklets are greenlets of a loop that the calling thread drives meanwhile, so that channels,
/// `wait()`, time limits and kills are what they are in any greenlet; what they add is control over the queue.
///
/// - Executor: All that stands here is for code inside of `run { … }`, in a tasklet, on its thread.
public final class TaskletScheduler: @unchecked Sendable {  // SAFETY: others than its thread compare it only.
    private final class Runner {
        let greenlet: AnyGreenlet
        init(_ greenlet: AnyGreenlet) { self.greenlet = greenlet }
    }

    @safe @exclusivity(unchecked) private var main: AnyTasklet?
    /// Those that were scheduled and have not ended.
    @safe @exclusivity(unchecked) private var members: [UInt64: AnyTasklet] = [:]
    /// Those that were bound and never scheduled: nobody owns them but their users.
    @safe @exclusivity(unchecked) private var bound: [Weak] = []
    @safe @exclusivity(unchecked) private var boundLimit = 16
    /// Who waits for the queue to run out, the innermost last.
    @safe @exclusivity(unchecked) private var runners: [Runner] = []
    /// What tasklets have thrown and nobody was told yet.
    @safe @exclusivity(unchecked) private var errors: [any Error] = []
    @safe @exclusivity(unchecked) private var isFinishing = false

    private struct Weak {
        weak var tasklet: AnyTasklet?
    }

    private init() {}

    // MARK: Running

    /// Runs a closure as the main tasklet, and tasklets until none is scheduled any more.
    ///
    /// Those that are blocked or paused then are killed, and unwind: wait in the closure for whoever is to finish.
    ///
    /// - Executor: The calling thread, which must be a plain one. Channels connect the schedulers of several threads.
    /// - Errors: What the closure throws; what a tasklet throws and nobody waits for (one that was killed or cancelled ends in
    ///   silence), which is thrown here once the main tasklet has returned, and before that at its wait; `CannotRunLoop` in a
    ///   greenlet, also in a tasklet: there, `run()` without a closure runs the others; ``/Futures/WouldDeadlock`` in a task.
    @available(*, noasync, message: "run it on a thread, or use greenlets")
    public static func run<Result: Sendable>(
        name: String? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: sending @escaping () throws -> Result
    ) throws -> Result {
        let name = name ?? "tasklets"
        switch WaitContext.current {
        case .thread: if WaitContext.isOnForeignStack { throw CannotRunLoop(loop: name, reason: .insideFiber) }
        case .greenlet: throw CannotRunLoop(loop: name, reason: .insideGreenlet)
        case .refused(let error): throw error
        }
        let loop = try IOLoop(name: name)
        let hub = Hub.of(loop)
        let scheduler = TaskletScheduler()
        hub.tasklets = scheduler
        defer {
            // Whoever waits in his clean-up is told that this is the end.
            loop.stop()
            hub.tasklets = nil
            scheduler.release()
        }
        let main = Greenlet<Result>.paused(on: loop, name: "the main tasklet", fileID: fileID, line: line) {
            defer { scheduler.finish() }
            let result = try body()
            try scheduler.runQueue()
            return result
        }
        scheduler.main = Tasklet(main, scheduler, isMain: true)
        scheduler.main?.enqueue()
        return try loop.run(until: main)
    }

    /// Lets the others run until none is scheduled any more; those that are blocked or paused stay so.
    ///
    /// Calls nest: of several that are under way, the last one returns first.
    ///
    /// - Executor: A tasklet, which is blocked meanwhile.
    /// - Errors: What a tasklet throws and nobody waits for: the others stay scheduled, and may be run again. A kill;
    ///   ``TaskletError`` elsewhere.
    @available(*, noasync, message: "tasklets are not tasks")
    public static func run() throws { try here("run").runQueue() }

    private func runQueue() throws {
        guard let greenlet = Greenlet.current else { return }
        if errors.isEmpty, greenlet.othersReady > 0 {
            let runner = Runner(greenlet)
            runners.append(runner)
            defer { runners.removeAll { $0 === runner } }
            try greenlet.leaveQueue()
        }
        if !errors.isEmpty { throw errors.removeFirst() }
    }

    /// On the loop's own stack: nobody is ready.
    func queueRanOut() {
        if let runner = runners.last {
            runner.greenlet.putBack()
        } else if let main = main?.greenlet, !main.isDead, main.isOut {
            main.putBack()
        }
    }

    // MARK: Giving up a turn

    /// Lets those run who are scheduled, and comes back after them.
    ///
    /// - Errors: A kill; ``TaskletError`` outside of a tasklet.
    @available(*, noasync, message: "tasklets are not tasks")
    public static func schedule() throws {
        _ = try currentTasklet("schedule")
        try yieldCurrent()
    }

    /// The same, and answers what another tasklet has left in this one's `tempval` meanwhile; `value` if none has.
    ///
    /// - Errors: As without a value; ``TaskletError`` for a value of another type.
    @available(*, noasync, message: "tasklets are not tasks")
    public static func schedule<Value: Sendable>(_ value: Value) throws -> Value {
        let tasklet = try currentTasklet("schedule")
        tasklet.tempval = value
        try yieldCurrent()
        return try tasklet.takeTempval()
    }

    /// Leaves the queue, paused: until another tasklet inserts this one. The main tasklet also comes back when no other one is
    /// scheduled.
    ///
    /// - Errors: A kill, which ends the pause; ``TaskletError`` outside of a tasklet.
    @available(*, noasync, message: "tasklets are not tasks")
    public static func scheduleRemove() throws {
        try currentTasklet("scheduleRemove").greenlet.leaveQueue()
    }

    /// The same, and answers what another tasklet has left in this one's `tempval` meanwhile; `value` if none has.
    ///
    /// - Errors: As without a value; ``TaskletError`` for a value of another type.
    @available(*, noasync, message: "tasklets are not tasks")
    public static func scheduleRemove<Value: Sendable>(_ value: Value) throws -> Value {
        let tasklet = try currentTasklet("scheduleRemove")
        tasklet.tempval = value
        try tasklet.greenlet.leaveQueue()
        return try tasklet.takeTempval()
    }

    // MARK: Looking

    /// The tasklet that runs; nil outside of one.
    public static var current: AnyTasklet? {
        guard let greenlet = Greenlet.current else { return nil }
        return greenlet.hub.tasklets?.members[greenlet.id]
    }

    /// The main tasklet of the calling thread's scheduler; nil outside of one.
    public static var main: AnyTasklet? { ofThread?.main }

    /// How many tasklets and other greenlets of the scheduler are ready, with the one that runs; 0 outside of one.
    public static var runCount: Int {
        guard ofThread != nil, let greenlet = Greenlet.current else { return 0 }
        return greenlet.othersReady + 1
    }

    private static var ofThread: TaskletScheduler? { Greenlet.current?.hub.tasklets }

    static func here(_ operation: String) throws -> TaskletScheduler {
        if let scheduler = ofThread { return scheduler }
        throw TaskletError(reason: .outside, tasklet: outsider, operation: operation)
    }

    static func currentTasklet(_ operation: String) throws -> AnyTasklet {
        if let current { return current }
        throw TaskletError(reason: .outside, tasklet: outsider, operation: operation)
    }

    private static var outsider: String { Greenlet.current?.displayName ?? "code outside of greenlets" }

    func isRunner(_ greenlet: AnyGreenlet) -> Bool { runners.contains { $0.greenlet === greenlet } }

    // MARK: Members

    func isMain(_ tasklet: AnyTasklet) -> Bool { main === tasklet }

    func noteBound(_ tasklet: AnyTasklet) {
        if bound.count >= boundLimit {
            bound.removeAll { $0.tasklet?.isBound != true }
            boundLimit = max(16, bound.count * 2)
        }
        bound.append(Weak(tasklet: tasklet))
    }

    func noteScheduled(_ tasklet: AnyTasklet) {
        let greenlet = tasklet.greenlet
        members[greenlet.id] = tasklet
        _ = greenlet.observeEnd(quietly: true) { [weak self, id = greenlet.id] _ in
            let tasklet = self?.members.removeValue(forKey: id)
            _ = consume tasklet
        }
    }

    // MARK: Errors and the end

    /// In a tasklet that ends: an error that nobody waits for is thrown by `run`, or at the main tasklet's wait.
    static func ending(with error: any Error) {
        guard let greenlet = Greenlet.current else { return }
        greenlet.hub.tasklets?.takeUncaught(error, of: greenlet)
    }

    func takeUncaught(_ error: any Error, of greenlet: AnyGreenlet) {
        if isFinishing || error is GreenletExit || error is CancellationError { return }
        if greenlet === main?.greenlet || greenlet.completion._isObserved { return }
        // It is seen, and so it is not reported.
        _ = greenlet.observeEnd { _ in }
        if let runner = runners.last {
            errors.append(error)
            runner.greenlet.comeFirst()
        } else if let main = main?.greenlet {
            main.interrupt(error)
            main.comeFirst()
        }
    }

    /// In the main tasklet, at its end: kills the others, and lets them unwind as far as they do not wait.
    private func finish() {
        isFinishing = true
        guard let main = Greenlet.current else { return }
        for error in errors {
            Reporter.report(.unobservedFailure(error: error, label: "a tasklet", created: nil, completed: nil))
        }
        for tasklet in bound { tasklet.tasklet?.greenlet.kill() }
        for greenlet in unsafe main.hub.live.all where greenlet !== main { greenlet.kill() }
        var rounds = 0
        while main.othersReady > 0, rounds < 64 {
            main.yieldToOthers()
            rounds += 1
        }
    }

    private func release() {
        main = nil
        let rest = members
        members = [:]
        bound = []
        _ = consume rest
    }
}

extension AnyGreenlet {
    /// In the one that runs: how many others stand in the queue.
    fileprivate final var othersReady: Int { unsafe scheduler.pointee.readyCount }
}
