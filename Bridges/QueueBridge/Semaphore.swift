// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// Permits that tasks, greenlets, threads and callbacks share; served in the order they came.
///
///     let slots = try Semaphore(8)
///     try await slots.withPermit { try await fetch(url).value }     // async code
///     try slots.withPermit { try fetch(url).wait() }                // a greenlet or a plain thread
///
/// No permit is lost when a waiter is cancelled, killed or times out (Tornado, issue 2826, lost it), and one that comes later
/// never overtakes.
///
/// - Executor: A waiter completes where a permit is released.
/// - Cancellation: Takes the waiter out of the line.
public final class Semaphore: Sendable {
    private let core: Permits

    /// Makes a semaphore.
    ///
    /// - Parameters:
    ///   - permits: How many there are at first.
    ///   - limit: How many there may be at most; nil lets ``release()`` add to them (gevent: Semaphore, BoundedSemaphore).
    /// - Errors: ``InvalidCount`` for a number below zero, or a limit below the number.
    public init(_ permits: Int, limit: Int? = nil, name: String? = nil) throws {
        let name = name.map { "semaphore \"\($0)\"" } ?? "a semaphore"
        guard permits >= 0 else { throw InvalidCount("the permits of \(name)", permits, minimum: 0) }
        if let limit, limit < permits { throw InvalidCount("the limit of \(name)", limit, minimum: permits) }
        core = Permits(name: name, permits: permits, limit: limit)
    }

    deinit { core.close() }

    /// Takes a permit; waits while there is none.
    public func acquire() -> Call<Void> { Call(begin: { try self.core.acquire($0) }) }

    /// Takes a permit if there is one.
    public func tryAcquire() -> Bool { core.tryAcquire() }

    /// Gives a permit to whoever waits longest, or back.
    ///
    /// - Errors: ``ReleasedTooOften`` if that would be one more than the limit.
    public func release() throws { try core.release() }

    /// How many permits can be taken now.
    public var available: Int { core.available }

    /// Blocks for a permit, runs the body and gives the permit back, also when the body throws: for greenlets and threads.
    @available(*, noasync, message: "use the async form: try await semaphore.withPermit { … }")
    public func withPermit<Result>(timeout: Duration? = nil, _ body: () throws -> Result) throws -> Result {
        try core.acquire(waiting: timeout)
        defer { core.giveBack() }
        return try body()
    }

    /// Waits for a permit, runs the body and gives the permit back, also when the body throws.
    ///
    /// - Cancellation: Before the body begins it takes the task out of the line; after that it is the body's affair.
    public func withPermit<Result>(_ body: () async throws -> Result) async throws -> Result {
        try await core.acquire().value
        defer { core.giveBack() }
        return try await body()
    }
}

/// A line of those who want a permit.
struct Permits: Sendable {
    private let line: Line<Int>
    private let limit: Int?

    init(name: String, permits: Int, limit: Int?) {
        self.limit = limit
        line = Line(name, operation: "an acquire", permits)
    }

    var available: Int { line.change { $0 } }

    func tryAcquire() -> Bool { line.change(Self.take) }

    func acquire() -> Future<Void> { line.wait(unless: Self.take) }

    /// Who gives up leaves the line: a permit that came later would be nobody's (T24).
    func acquire(waiting timeout: Duration?) throws { try line.wait(for: timeout, unless: Self.take) }

    func acquire(_ start: _Start) throws -> _Run<Void> {
        guard case .waiting(let timeout) = start else { return .future(acquire()) }
        return .value(try acquire(waiting: timeout))
    }

    // While somebody waits there is none: a permit that is released is handed on.
    private static func take(_ permits: inout Int) -> Bool {
        guard permits > 0 else { return false }
        permits -= 1
        return true
    }

    func release() throws {
        let isAccepted = line.wake { permits, waiters -> (Bool, [Waiter<Void>]) in
            if let limit, permits >= limit { return (false, []) }
            if let next = waiters.popClaimed() { return (true, [next.waiter]) }
            permits += 1
            return (true, [])
        }
        if !isAccepted { throw ReleasedTooOften("\(line.name) was released more often than acquired") }
    }

    /// What was acquired goes back.
    func giveBack() {
        do { try release() } catch { Reporter.report(.message("\(error)")) }
    }

    /// The last owner has let go.
    func close() { line.release() }
}
