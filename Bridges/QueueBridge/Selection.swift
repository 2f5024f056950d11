// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// What a case of a `select` came to: run outside of all locks.
typealias Choice<Result> = @Sendable () throws -> Result

/// One case on its way through a selection. Its queue or channel is locked from `lock` to the end of the body.
protocol Candidate<Result>: AnyObject, Sendable {
    associatedtype Result: Sendable

    /// The queue or channel.
    var target: _Node { get }

    /// Locks the target while the body runs; another case of the same target shares what was locked.
    func lock(with others: [any Candidate<Result>], _ body: () -> Void)

    /// With the target locked: does it, if it can be done now.
    func attempt() -> Choice<Result>?

    /// With the target locked: waits in line. The future has to be claimed by who serves it.
    func wait(_ future: Future<Choice<Result>>)

    /// Leaves the line.
    func leave(_ future: _FutureCore)
}

/// A `select` in progress.
///
/// All targets are locked at once, in the order of their addresses, while the cases are looked at and stand in line: so a
/// selection either finds something that can be done, or waits everywhere before anybody can come. From then on whoever
/// claims its future first has been chosen.
// SAFETY: immutable, of Sendable type.
final class Selection<Result: Sendable>: _Node, @unchecked Sendable {
    private let candidates: [any Candidate<Result>]

    init(_ candidates: [any Candidate<Result>]) {
        self.candidates = candidates
        super.init()
    }

    func run() -> Future<Result> {
        var choice: Choice<Result>?
        let future = Future<Choice<Result>>.pending()
        future._setHolder(self)
        locked {
            choice = attempt()
            if choice == nil { for candidate in candidates { candidate.wait(future) } }
        }
        guard let choice else {
            return future.map { choice in
                for candidate in self.candidates { candidate.leave(future) }
                return try choice()
            }
        }
        return Future(completed: Swift.Result(catching: { try choice() }))
    }

    func tryNow() -> Choice<Result>? {
        var choice: Choice<Result>?
        locked { choice = attempt() }
        return choice
    }

    private func attempt() -> Choice<Result>? {
        for candidate in candidates {
            if let choice = candidate.attempt() { return choice }
        }
        return nil
    }

    private func locked(_ body: () -> Void) {
        let ordered = candidates.sorted { ObjectIdentifier($0.target) < ObjectIdentifier($1.target) }
        lock(ordered[...], locked: [], body)
    }

    private func lock(_ rest: ArraySlice<any Candidate<Result>>, locked: [any Candidate<Result>], _ body: () -> Void) {
        guard let next = rest.first else { return body() }
        next.lock(with: locked) { lock(rest.dropFirst(), locked: locked + [next], body) }
    }

    override func _takeCanceller(of future: _FutureCore) -> (@Sendable () -> CancellationAnswer)? {
        {
            for candidate in self.candidates { candidate.leave(future) }
            return .stopped
        }
    }

    override var _summary: String { "a select of \(candidates.map(\.target._summary).joined(separator: ", "))" }
}
