// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// A tasklet of any result: what `TaskletScheduler.current` answers. See ``Tasklet``.
///
/// - Executor: Its scheduler's thread, in a tasklet, but for what says otherwise.
public class AnyTasklet: @unchecked Sendable {  // SAFETY: what changes is behind a lock.
    private struct State {
        var greenlet: AnyGreenlet
        var tempval: (any Sendable)?
    }

    final let scheduler: TaskletScheduler
    private let fields: Lock<State>

    init(_ greenlet: AnyGreenlet, _ scheduler: TaskletScheduler) {
        self.scheduler = scheduler
        fields = Lock(State(greenlet: greenlet))
    }

    /// The greenlet that runs the body it has now.
    final var greenlet: AnyGreenlet { fields.withLock { $0.greenlet } }

    final func replace(_ greenlet: AnyGreenlet) {
        let old = fields.withLock { state in
            defer { state = State(greenlet: greenlet) }
            return state
        }
        _ = consume old
    }

    // MARK: Looking

    /// Its name, for dumps and errors.
    public final var name: String { greenlet.displayName }

    /// It has a body that has not ended. From any thread.
    public final var isAlive: Bool { !greenlet.isDead }

    /// What it is.
    ///
    /// - Errors: ``TaskletError`` on another thread, where it might be another thing meanwhile.
    public final var state: TaskletState {
        get throws {
            _ = try caller("the state")
            return stateHere
        }
    }

    /// What `TaskletScheduler.schedule(_:)` and `scheduleRemove(_:)` answer in this tasklet: left here by another one. From any
    /// thread.
    public final var tempval: (any Sendable)? {
        get { fields.withLock { $0.tempval } }
        set {
            let old = fields.withLock { state in
                defer { state.tempval = newValue }
                return state.tempval
            }
            _ = consume old
        }
    }

    final func takeTempval<Value: Sendable>() throws -> Value {
        let value = fields.withLock { $0.tempval.take() }
        guard let value = value as? Value else { throw error(.valueType, "schedule") }
        return value
    }

    /// It was bound, and never scheduled.
    final var isBound: Bool { isAlive && !greenlet.isStarted }

    private final var stateHere: TaskletState {
        let greenlet = greenlet
        if greenlet.isDead { return .dead }
        if greenlet.isOut { return scheduler.isRunner(greenlet) ? .blocked : .paused }
        if !greenlet.isStarted { return .paused }
        return unsafe greenlet.isParked ? .blocked : .scheduled
    }

    final func error(_ reason: TaskletError.Reason, _ operation: String) -> TaskletError {
        TaskletError(reason: reason, tasklet: name, operation: operation)
    }

    /// The greenlet that calls, which is of the same scheduler.
    final func caller(_ operation: String) throws -> AnyGreenlet {
        guard let current = Greenlet.current, current.hub.tasklets === scheduler else {
            throw error(.foreignThread, operation)
        }
        return current
    }

    // MARK: The queue

    /// Schedules one that is paused: at the end of the queue. One that is scheduled keeps its place.
    ///
    /// - Errors: ``TaskletError`` for one that is blocked or dead, and on another thread.
    public final func insert() throws {
        _ = try caller("insert")
        try schedule("insert")
    }

    private final func schedule(_ operation: String) throws {
        switch stateHere {
        case .dead: throw error(.dead, operation)
        case .blocked: throw error(.blocked, operation)
        case .scheduled: return
        case .paused: enqueue()
        }
    }

    final func enqueue() {
        let greenlet = greenlet
        if greenlet.isOut { return greenlet.putBack() }
        scheduler.noteScheduled(self)
        greenlet.start()
    }

    /// Pauses one that is scheduled: it leaves the queue until it is inserted. One that is paused stays so.
    ///
    /// - Errors: ``TaskletError`` for the one that runs, for one that is blocked or dead, and on another thread.
    public final func remove() throws {
        let caller = try caller("remove")
        switch stateHere {
        case .dead: throw error(.dead, "remove")
        case .blocked: throw error(.blocked, "remove")
        case .paused: return
        case .scheduled:
            if greenlet === caller { throw error(.current, "remove") }
            greenlet.takeOut()
        }
    }

    /// Runs this one now; then those that stand behind it in the queue; then the caller, and last those that were passed over.
    /// One that is paused is scheduled first, at the end of the queue. In the one that runs it does nothing.
    ///
    /// - Errors: ``TaskletError`` for one that is blocked or dead, and on another thread; a kill of the caller.
    @available(*, noasync, message: "tasklets are not tasks")
    public final func run() throws {
        let caller = try caller("run")
        if greenlet === caller { return }
        try schedule("run")
        try caller.jump(to: greenlet)
    }

    /// As `run()`, and pauses the caller: it goes on when another one inserts it.
    ///
    /// - Errors: As `run()`.
    @available(*, noasync, message: "tasklets are not tasks")
    public final func `switch`() throws {
        let caller = try caller("switch")
        if greenlet === caller { return }
        _ = try TaskletScheduler.currentTasklet("switch")
        try schedule("switch")
        try caller.jump(to: greenlet, leavingQueue: true)
    }

    // MARK: Ending

    /// Throws `GreenletExit` into it, as `throw` does: it unwinds, and ends in silence. One that has ended is left alone.
    ///
    /// - Errors: A kill of the caller, as when it kills itself.
    public final func kill(pending: Bool = false) throws { try self.throw(GreenletExit(), pending: pending) }

    /// Throws an error into it: at what it waits for, which it leaves, or where it gave up its turn. It is scheduled, and may
    /// catch the error. One whose body has not begun never runs, and ends by the error.
    ///
    /// - Executor: Any thread. On its own it runs now, as by `run()`, unless the throw is pending; from others it is always
    ///   pending.
    /// - Parameter pending: It is scheduled only, and the caller goes on.
    /// - Errors: ``TaskletError`` for one that has ended, unless the error is `GreenletExit`. In the tasklet that runs: the error
    ///   itself, or with `pending` at its next wait.
    public final func `throw`(_ error: any Error, pending: Bool = false) throws {
        let greenlet = greenlet
        if greenlet.isDead {
            if error is GreenletExit { return }
            throw self.error(.dead, "throw")
        }
        guard let caller = try? caller("throw") else { return greenlet.kill(error) }
        if greenlet === caller {
            if !pending { throw error }
            return greenlet.interrupt(error)
        }
        if unsafe greenlet.state == .pending {
            scheduler.takeUncaught(error, of: greenlet)
            // It does not begin, so it stands in nobody's way.
            greenlet.takeOut()
        }
        greenlet.interrupt(error)
        if pending { return }
        if greenlet.isDead { try caller.throwIfInterrupted() } else { try caller.jump(to: greenlet) }
    }

    /// Forgets the body of one that is paused and has not begun; it never runs. One that has ended is left alone.
    ///
    /// - Errors: ``TaskletError`` for one whose body has begun, which Stackless drops without its clean-up: a stack here has to be
    ///   unwound, by `kill`. For one that stands in the queue, and on another thread.
    public final func unbind() throws {
        _ = try caller("unbind")
        let greenlet = greenlet
        if greenlet.isDead { return }
        if unsafe greenlet.state != .pending { throw error(.begun, "unbind") }
        if stateHere == .scheduled { throw error(.scheduled, "unbind") }
        greenlet.interrupt(GreenletExit())
    }
}

extension AnyTasklet: CustomStringConvertible {
    /// Its name, and where it was made in debug builds.
    public var description: String { "tasklet \(greenlet._summary)" }
}
