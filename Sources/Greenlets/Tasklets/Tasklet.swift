// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// A greenlet whose place in the queue its peers control (Stackless Python: tasklet).
///
///     try Tasklet { try channel.send("queued at once").wait() }
///     let later = try Tasklet.bind { try channel.receive().wait() }       // paused
///     try later.insert()
///
/// It is made in a tasklet of the scheduler it belongs to: see `TaskletScheduler.run`. Like everything that completes once it is
/// awaitable in every style, from any thread.
///
/// - Executor: Its scheduler's thread.
/// - Cancellation: A consumer that cancels kills it.
/// - Errors: What the body throws goes to who waits for it; if nobody does, `TaskletScheduler.run()` throws it.
public final class Tasklet<Success: Sendable>: AnyTasklet, Awaitable, @unchecked Sendable {  // SAFETY: as the base.
    /// Makes a tasklet that is scheduled, at the end of the queue (Stackless: `tasklet(f)()`).
    ///
    /// - Errors: ``TaskletError`` outside of a tasklet.
    @discardableResult
    public convenience init(
        name: String? = nil,
        stackSize: Int = 0,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: sending @escaping () throws -> Success
    ) throws {
        let scheduler = try TaskletScheduler.here("the making of a tasklet")
        self.init(Self.greenlet(name, stackSize, fileID, line, body), scheduler)
        enqueue()
    }

    /// Makes a tasklet that is paused: it is scheduled by `insert()`, `run()` or `switch()` (Stackless: bind).
    ///
    /// One that nobody holds any more and that was never scheduled fails with `BrokenPromise`.
    ///
    /// - Errors: ``TaskletError`` outside of a tasklet.
    public static func bind(
        name: String? = nil,
        stackSize: Int = 0,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: sending @escaping () throws -> Success
    ) throws -> Tasklet<Success> {
        let scheduler = try TaskletScheduler.here("the making of a tasklet")
        return Tasklet(greenlet(name, stackSize, fileID, line, body), scheduler)
    }

    init(_ greenlet: Greenlet<Success>, _ scheduler: TaskletScheduler, isMain: Bool = false) {
        super.init(greenlet, scheduler)
        if !isMain { scheduler.noteBound(self) }
    }

    private static func greenlet(
        _ name: String?,
        _ stackSize: Int,
        _ fileID: StaticString,
        _ line: UInt,
        _ body: sending @escaping () throws -> Success
    ) -> Greenlet<Success> {
        Greenlet<Success>.paused(name: name, stackSize: stackSize, fileID: fileID, line: line) {
            do { return try body() } catch {
                TaskletScheduler.ending(with: error)
                throw error
            }
        }
    }

    /// Binds a body to a tasklet that has ended or was unbound; it is paused (Stackless: bind).
    ///
    /// Who has waited for the body before has that one's outcome.
    ///
    /// - Errors: ``TaskletError`` for one that is alive, and on another thread.
    public func bind(
        stackSize: Int = 0,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: sending @escaping () throws -> Success
    ) throws {
        _ = try caller("bind")
        if isAlive { throw error(.alive, "bind") }
        let name = greenlet.name
        replace(Self.greenlet(name.isEmpty ? nil : name, stackSize, fileID, line, body))
        scheduler.noteBound(self)
    }

    /// Binds a body to a tasklet that has ended or was unbound, and schedules it (Stackless: setup).
    ///
    /// - Errors: As `bind`.
    public func setup(
        stackSize: Int = 0,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: sending @escaping () throws -> Success
    ) throws {
        try bind(stackSize: stackSize, fileID: fileID, line: line, body)
        enqueue()
    }

    // SAFETY: made by this class alone, of this type.
    private var typed: Greenlet<Success> { unsafe unsafeDowncast(greenlet, to: Greenlet<Success>.self) }

    /// How the body that it has now ended; nil before.
    public var outcome: Result<Success, any Error>? { typed.outcome }

    /// Registers an observer of the body that it has now.
    ///
    /// - Executor: The observer runs on the scheduler's thread.
    public func observe(_ observer: @escaping @Sendable (Result<Success, any Error>) -> Void) -> Registration {
        typed.observe(observer)
    }

    /// Waits for the end of the body that it has now, as ``/Futures/Awaitable/wait(timeout:)`` does for everything.
    ///
    /// - Errors: The body's; `Deadlock` for a circle of tasklets that wait for each other; what `wait` throws elsewhere.
    @available(*, noasync, message: "use `try await tasklet.value`")
    @discardableResult
    public func wait(timeout: Duration? = nil) throws -> Success { try typed.wait(timeout: timeout) }
}
