// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// What greenlets of a pool come to, in the order in which they were spawned (eventlet: GreenPile).
///
///     let pile = GreenletPile<Page>(in: pool)
///     for url in urls { try pile.spawn { try fetch(url).wait() } }
///     while let page = try pile.waitNext() { … }
///
/// Unlike with `imap` nobody has the elements beforehand, and several piles share a pool. Nil says that nothing is left at the
/// moment: of one that is empty at once, and of one where somebody spawns not before he has.
///
/// - Executor: The greenlets run on the pool's loop; all methods may be called from any thread.
/// - Cancellation: Leaving a `next()` loses no result. A pile that is dropped leaves its greenlets running.
/// - Errors: The failure of a greenlet is thrown in its place, and the iteration goes on after it.
public final class GreenletPile<Success: Sendable>: AsyncSequence, Sendable {
    /// A result.
    public typealias Element = Success
    /// What an iterator throws.
    public typealias Failure = any Error

    private let pool: GreenletPool
    private let supply: ResultSupply<Success>

    /// Makes an empty pile on a pool, which others may use, too.
    ///
    /// - Parameter buffered: How many greenlets and results there may be that nobody has taken; who spawns more waits until
    ///   somebody takes one. A greenlet that first spawns all and then takes them needs room for all: by default there is no
    ///   limit but the pool's.
    public init(in pool: GreenletPool, buffered: Int = .max) {
        self.pool = pool
        let supply = ResultSupply<Success>(isOrdered: true, room: Swift.max(1, buffered))
        supply.end(count: 0, nil)
        self.supply = supply
    }

    /// Makes an empty pile with a pool of its own.
    ///
    /// - Parameter size: How many greenlets run at once.
    /// - Errors: ``GreenletMisuse`` for a size below zero.
    public convenience init(size: Int, buffered: Int = .max, on loop: (any Loop)? = nil, name: String? = nil) throws {
        self.init(in: try GreenletPool(size: size, on: loop, name: name), buffered: buffered)
    }

    /// How many results nobody has taken, of greenlets that run or have ended.
    public var count: Int { supply.untaken }

    /// Spawns a greenlet whose result is the next one after those that were spawned before.
    ///
    /// - Executor: A greenlet parks, a plain thread blocks: until there is room for the result, and a place in the pool. In a
    ///   member of a pool that is full the function runs at once, as with the pool.
    /// - Parameter limit: Nil is for ever, zero does not wait.
    /// - Errors: ``PoolFull``, and the pile is as it was; a kill of the caller; what `wait()` throws where it is refused.
    @discardableResult
    public func spawn(
        waiting limit: Duration? = nil,
        name: String? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: @escaping @Sendable () throws -> Success
    ) throws -> Greenlet<Success> {
        let deadline = limit.map { LoopInstant.ofWaiter.advanced(by: $0) }
        supply.expect()
        do {
            try enterRoom(limit)
            do {
                let left = deadline.map { Swift.max(.zero, LoopInstant.ofWaiter.duration(to: $0)) }
                let greenlet = try pool.spawn(waiting: left, name: name, fileID: fileID, line: line, body)
                let index = supply.begin()
                _ = greenlet.observe { [weak supply] in supply?.deliver($0, at: index, by: 0) }
                return greenlet
            } catch {
                supply.room.add(1)
                throw error
            }
        } catch {
            supply.giveUp()
            throw error
        }
    }

    private func enterRoom(_ limit: Duration?) throws {
        if supply.room.tryEnter() { return }
        let full = PoolFull(pool: "a pile on \(pool.name)", size: count - 1, limit: limit ?? .zero)
        if limit == .zero { throw full }
        do { try supply.room.enter().wait(timeout: limit) } catch is TimedOut { throw full }
    }

    // MARK: Taking

    /// The next result; nil when nothing is left.
    public func next() -> Call<Success?> { Call(from: { [supply] in supply.next() }) }

    /// Blocks for the next result: for greenlets and plain threads. Nil when nothing is left.
    @available(*, noasync, message: "use `for try await`, or `try await next().value`")
    public func waitNext(timeout: Duration? = nil) throws -> Success? { try next().wait(timeout: timeout) }

    /// Makes an iterator; several share the results.
    public func makeAsyncIterator() -> GroupResults<Success>.AsyncIterator { GroupResults(supply).makeAsyncIterator() }
}
