// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// A group with a limit: who spawns waits for a place (gevent: Pool; eventlet: GreenPool).
///
///     let pool = try GreenletPool(size: 10)
///     for url in urls { try pool.spawn { try fetch(url).wait() } }     // at most ten at once
///     try pool.join()
///
/// Those who wait for a place get it in the order in which they came. A member that spawns when the pool is full would wait
/// for itself, in the end: its function runs at once then, in its own greenlet.
///
/// - Executor: Members run on the pool's loop. All methods may be called from any thread.
/// - Cancellation: Who waits for a place and is killed leaves the line and takes none. A pool does not own its members.
/// - Errors: ``PoolFull`` where a limit was given; a member's failure is its own.
/// - Complexity: Taking a place and giving it back are O(1).
public final class GreenletPool: GreenletGroup, @unchecked Sendable {  // SAFETY: one field more, behind its lock.
    private let line: AdmissionLine
    private let places: Lock<Int>

    /// Makes a pool.
    ///
    /// - Parameter size: How many members at once; zero admits nobody.
    /// - Errors: ``GreenletMisuse`` for a size below zero.
    public init(size: Int, on loop: (any Loop)? = nil, name: String? = nil) throws {
        guard size >= 0 else { throw GreenletMisuse("a pool cannot have \(size) places. Zero admits nobody.") }
        let name = name.map { "pool \"\($0)\"" } ?? "a pool of greenlets"
        line = AdmissionLine(places: size, name: name)
        places = Lock(size)
        super.init(loop: loop, title: name)
    }

    /// How many places there are.
    public var size: Int { places.withLock { $0 } }

    /// How many places are free.
    public var freeCount: Int { line.free }

    /// There is no free place.
    public var isFull: Bool { line.free == 0 }

    /// Changes the number of places. Who runs when there are too many goes on; his place is given to nobody (eventlet:
    /// GreenPool.resize).
    ///
    /// - Executor: Any thread, also while others wait: those are admitted for whom there is a place now.
    /// - Errors: ``GreenletMisuse`` for a size below zero.
    public func resize(to size: Int) throws {
        guard size >= 0 else { throw GreenletMisuse("a pool cannot have \(size) places. Zero admits nobody.") }
        let more = places.withLock { places in
            defer { places = size }
            return size - places
        }
        line.add(more)
    }

    /// Completes when there is a free place, which another one may take before the caller does (gevent: wait_available).
    ///
    /// - Executor: Completed where the place becomes free.
    /// - Cancellation: Leaves the line.
    public func whenAvailable() -> Call<Void> {
        Call(from: { [line] in
            line.enter().map { line.add(1) }
        })
    }

    /// Spawns a member; waits for a place, for ever.
    ///
    /// - Executor: A greenlet parks, a plain thread blocks. A member of the full pool runs the function itself.
    /// - Cancellation: A kill of the caller, who takes no place then.
    /// - Errors: A kill of the caller; what `wait()` throws where it is refused.
    @discardableResult
    override public func spawn<Success: Sendable>(
        name: String? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: @escaping @Sendable () throws -> Success
    ) throws -> Greenlet<Success> {
        try spawn(waiting: nil, name: name, fileID: fileID, line: line, body)
    }

    /// Spawns a member; waits for a place so long (gevent: Pool.spawn with a timeout).
    ///
    /// - Executor: As the form without a limit; with a limit of zero anywhere.
    /// - Parameter limit: Nil is for ever, zero does not wait.
    /// - Errors: ``PoolFull``; as the form without a limit.
    @discardableResult
    public func spawn<Success: Sendable>(
        waiting limit: Duration?,
        name: String? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: @escaping @Sendable () throws -> Success
    ) throws -> Greenlet<Success> {
        if !self.line.tryEnter() {
            if isInside {
                let greenlet = Greenlet<Success>.paused(on: loop, name: name, fileID: fileID, line: line, body)
                greenlet.runHere()
                return greenlet
            }
            if limit == .zero { throw PoolFull(pool: self.name, size: size, limit: .zero) }
            do { try self.line.enter().wait(timeout: limit) } catch is TimedOut {
                throw PoolFull(pool: self.name, size: size, limit: limit ?? .zero)
            }
        }
        let greenlet = Greenlet<Success>.spawn(on: loop, name: name, fileID: fileID, line: line, body)
        insert(greenlet) { [line = self.line] in line.add(1) }
        return greenlet
    }

    /// Makes a greenlet a member, also when there is no place: then one less is given to others when members end.
    ///
    /// - Errors: None; see ``add(_:waiting:)`` to wait for a place.
    override public func add(_ greenlet: AnyGreenlet) {
        line.add(-1)
        insert(greenlet) { [line] in line.add(1) }
    }

    /// Makes a greenlet a member, if there is a place; it takes that until it ends (gevent: Pool.add).
    ///
    /// - Executor: A greenlet parks, a plain thread blocks; with a limit of zero anywhere.
    /// - Parameter limit: Nil is for ever, zero does not wait.
    /// - Errors: ``PoolFull``; a kill of the caller; what `wait()` throws where it is refused.
    public func add(_ greenlet: AnyGreenlet, waiting limit: Duration?) throws {
        if !line.tryEnter() {
            if limit == .zero { throw PoolFull(pool: name, size: size, limit: .zero) }
            do { try line.enter().wait(timeout: limit) } catch is TimedOut {
                throw PoolFull(pool: name, size: size, limit: limit ?? .zero)
            }
        }
        insert(greenlet) { [line] in line.add(1) }
    }
}

/// No place became free in a pool.
public struct PoolFull: Error, Sendable, CustomStringConvertible {
    /// The pool's name.
    public let pool: String
    /// How many places it has.
    public let size: Int
    /// How long was waited.
    public let limit: Duration

    /// What happened, where it began, what to do.
    public var description: String {
        "PoolFull: none of the \(size) places of \(pool) became free within \(limit). Wait longer, make the pool larger, or do"
            + " without."
    }
}
