// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// What the members of a group make of a sequence's elements, taken one by one in any style; nil is the end.
///
///     let pages = pool.imap(urls) { try fetch($0).wait() }
///     while let page = try pages.waitNext() { … }           // a greenlet, or a plain thread
///     for try await page in pages { … }                     // async code
///
/// The sequence is read by a greenlet of its own, only as far ahead as the results are taken (`buffered`).
///
/// - Executor: Taken from any thread, by any number of takers, in the order in which they ask.
/// - Cancellation: Leaving a `next()` loses no result. Dropping the results kills whoever still works for them.
/// - Errors: A member's failure is thrown in its place, and the iteration goes on after it; that of the sequence comes last.
public struct GroupResults<Success: Sendable>: AsyncSequence, Sendable {
    /// A result.
    public typealias Element = Success
    /// What an iterator throws.
    public typealias Failure = any Error

    private let supply: ResultSupply<Success>

    init(_ supply: ResultSupply<Success>) { self.supply = supply }

    /// The next result, nil at the end. Nothing is taken before a verb is used.
    ///
    /// - Executor: Completes where the result comes, on the group's loop, or at once.
    /// - Cancellation: Leaves the line; the result is the next one's.
    /// - Errors: The failure of the element whose turn it is; at the end, once, that of the sequence.
    public func next() -> Call<Success?> { Call(from: { [supply] in supply.next() }) }

    /// Blocks for the next result, nil at the end: for greenlets and plain threads.
    ///
    /// - Executor: A greenlet parks, a plain thread blocks.
    /// - Cancellation: A kill of the caller loses no result.
    /// - Errors: As ``next()``; ``/Futures/TimedOut``; ``/Futures/WouldDeadlock`` where waiting is refused.
    @available(*, noasync, message: "use `for try await`, or `try await next().value`")
    public func waitNext(timeout: Duration? = nil) throws -> Success? { try next().wait(timeout: timeout) }

    /// Iterates asynchronously.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let results: GroupResults

        /// The next result, nil at the end.
        public mutating func next() async throws -> Success? { try await results.next().value }
    }

    /// Makes an iterator; several share the results.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(results: self) }
}

/// The results that are there, and who waits for more. Those who work for it do not keep it.
final class ResultSupply<Success: Sendable>: Sendable {
    typealias Outcome = Result<Success, any Error>

    private struct State {
        var ready: [Int: Outcome] = [:]
        /// For results in the order of their completion.
        var order = _Ring<Int>()
        var delivered = 0
        var end: (count: Int, error: (any Error)?)?
        /// How many spawns are under way, before which there is no end.
        var expected = 0
        var waiters = _Ring<Future<Success?>>()
        var workers: [UInt64: AnyGreenlet] = [:]
        var producer: AnyGreenlet?

        /// Whether there is something for the next one: a result, or the end.
        func isServing(ordered: Bool) -> Bool {
            let isThere = ordered ? ready[delivered] != nil : !order.isEmpty
            return isThere || isAtEnd
        }

        mutating func pop(ordered: Bool) -> Outcome? {
            let key = ordered ? delivered : order.first
            guard let key, let outcome = ready.removeValue(forKey: key) else { return nil }
            if !ordered { _ = order.popFirst() }
            delivered += 1
            return outcome
        }

        private var isAtEnd: Bool { expected == 0 && end.map { delivered >= $0.count } ?? false }

        mutating func takeEnd() -> Result<Success?, any Error>? {
            guard isAtEnd, let end else { return nil }
            self.end?.error = nil
            return end.error.map { .failure($0) } ?? .success(nil)
        }
    }

    private let isOrdered: Bool
    private let state = Lock(State())
    /// How many results may be there, or be worked on, that nobody has taken.
    let room: AdmissionLine

    init(isOrdered: Bool, room: Int) {
        self.isOrdered = isOrdered
        self.room = AdmissionLine(places: room, name: "the results of a map")
    }

    deinit {
        let workers = state.withLock { Array($0.workers.values) + [$0.producer].compactMap { $0 } }
        for worker in workers { worker.kill() }
    }

    func begin(_ producer: AnyGreenlet) { state.withLock { $0.producer = producer } }

    func add(_ worker: AnyGreenlet) { state.withLock { $0.workers[worker.id] = worker } }

    func deliver(_ outcome: Outcome, at index: Int, by worker: UInt64) {
        serve { state in
            state.workers[worker] = nil
            state.ready[index] = outcome
            state.order.append(index)
        }
    }

    func end(count: Int, _ error: (any Error)?) {
        serve { state in
            state.end = (count, error)
            state.producer = nil
        }
    }

    // MARK: For a pile, whose end is where nothing is left

    /// There will be one more.
    func expect() { state.withLock { $0.expected += 1 } }

    /// It is there.
    ///
    /// - Returns: Its place.
    func begin() -> Int {
        state.withLock { state in
            let index = state.end?.count ?? 0
            state.end = (index + 1, nil)
            state.expected -= 1
            return index
        }
    }

    /// It does not come after all.
    func giveUp() { serve { $0.expected -= 1 } }

    /// How many have begun, or are about to, and were not taken.
    var untaken: Int { state.withLock { $0.expected + ($0.end?.count ?? 0) - $0.delivered } }

    func next() -> Future<Success?> {
        let waiter = Future<Success?>.pending()
        waiter._setCanceller { [unowned waiter] in
            let left = self.state.withLock { $0.waiters.removeFirst { $0 === waiter } }
            _ = consume left
            return .stopped
        }
        serve { $0.waiters.append(waiter) }
        return waiter
    }

    private func serve(_ change: (inout State) -> Void) {
        var taken = 0
        let served = state.withLock { state in
            change(&state)
            var served: [(Future<Success?>, Result<Success?, any Error>)] = []
            while state.isServing(ordered: isOrdered),
                let waiter = state.waiters.removeFirst(where: { $0._claimUnlessCancelled() })
            {
                if let outcome = state.pop(ordered: isOrdered) {
                    taken += 1
                    served.append((waiter, outcome.map { $0 }))
                } else if let end = state.takeEnd() {
                    served.append((waiter, end))
                }
            }
            return served
        }
        if taken > 0 { room.add(taken) }
        for (waiter, outcome) in served {
            switch outcome {
            case .success(let value): waiter._settle(value: value)
            case .failure(let error): waiter._settle(error: error)
            }
        }
    }
}

extension GreenletGroup {
    /// Transforms each element in a member; the results keep the order of the elements (gevent: map).
    ///
    /// - Executor: A greenlet parks, a plain thread blocks.
    /// - Cancellation: A kill of the caller kills whoever still works for it.
    /// - Errors: The failure of the first element, in their order, that has one; the others are killed then.
    @available(*, noasync, message: "use `for try await` on `imap`")
    public final func map<Input: Sendable, Success: Sendable>(
        _ inputs: some Sequence<Input> & Sendable,
        _ transform: @escaping @Sendable (Input) throws -> Success
    ) throws -> [Success] {
        let results = imap(inputs, transform)
        var all: [Success] = []
        while let next = try results.waitNext() { all.append(next) }
        return all
    }

    /// The results in the order of the elements, as they are taken (gevent: imap; eventlet: GreenPool.imap).
    ///
    /// - Executor: The elements are read and transformed in greenlets of the group's loop; the caller does not wait.
    /// - Cancellation: Dropping the results kills who works for them.
    /// - Errors: None here; see ``GroupResults``.
    /// - Parameter buffered: How many results may be worked on or be there untaken; by default without limit but the pool's.
    public final func imap<Input: Sendable, Success: Sendable>(
        _ inputs: some Sequence<Input> & Sendable,
        buffered: Int = .max,
        _ transform: @escaping @Sendable (Input) throws -> Success
    ) -> GroupResults<Success> { results(of: inputs, isOrdered: true, buffered, transform) }

    /// The results in the order in which they come; like `imap` in all else (gevent: imap_unordered).
    public final func imapUnordered<Input: Sendable, Success: Sendable>(
        _ inputs: some Sequence<Input> & Sendable,
        buffered: Int = .max,
        _ transform: @escaping @Sendable (Input) throws -> Success
    ) -> GroupResults<Success> { results(of: inputs, isOrdered: false, buffered, transform) }

    private func results<Input: Sendable, Success: Sendable>(
        of inputs: some Sequence<Input> & Sendable,
        isOrdered: Bool,
        _ buffered: Int,
        _ transform: @escaping @Sendable (Input) throws -> Success
    ) -> GroupResults<Success> {
        let supply = ResultSupply<Success>(isOrdered: isOrdered, room: max(1, buffered))
        let room = supply.room
        let producer = Greenlet<Void>.paused(on: loop, name: "the elements for \(name)") { [self, weak supply] in
            var count = 0
            do {
                for input in inputs {
                    try room.enter().wait()
                    let index = count
                    let worker = try spawn { try transform(input) }
                    count += 1
                    // Nobody takes the results any more.
                    guard let supply else { return worker.kill() }
                    supply.add(worker)
                    _ = worker.observe { [weak supply, id = worker.id] in supply?.deliver($0, at: index, by: id) }
                }
                supply?.end(count: count, nil)
            } catch { supply?.end(count: count, error is GreenletExit ? CancellationError() : error) }
        }
        supply.begin(producer)
        producer.start()
        return GroupResults(supply)
    }
}
