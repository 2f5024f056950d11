// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// Tokens and those who wait for one: what a lock and a semaphore are made of.
final class TokenLine: Sendable {
    private struct State {
        var free: Int
        var line = WaitingLine<Void>()
    }

    private let state: Lock<State>
    private let limit: Int
    private let resource: String

    init(_ tokens: Int, of resource: String) {
        state = Lock(State(free: tokens))
        limit = tokens
        self.resource = resource
    }

    var free: Int { state.withLock { $0.free } }
    var waiters: Int { state.withLock { $0.line.count } }

    func acquire(_ fileID: StaticString, _ line: UInt) -> Deferred<Void> {
        let place = state.withLock { state -> WaitingLine<Void>.Place? in
            if state.free > 0 {
                state.free -= 1
                return nil
            }
            let place = WaitingLine<Void>.Place(fileID, line)
            state.line.append(place)
            return place
        }
        guard let place else { return .succeed((), fileID: fileID, line: line) }
        return place.deferred(fileID, line) { [weak self] place in
            self?.state.withLock { $0.line.remove(place) } ?? false
        }
    }

    func release() throws {
        let place = try state.withLock { state -> WaitingLine<Void>.Place? in
            guard state.free < limit else { throw NotAcquired(resource: resource) }
            // Passed on, not put back: nobody who comes now gets in front.
            if let first = state.line.popFirst() { return first }
            state.free += 1
            return nil
        }
        place?.give(())
    }

    func run<Value: Sendable>(
        _ fileID: StaticString,
        _ line: UInt,
        _ body: @escaping @Sendable () throws -> Value
    ) -> Deferred<Value> {
        acquire(fileID, line).then(fileID: fileID, line: line) { _ -> Value in
            defer { self.giveBack() }
            return try body()
        }
    }

    func run<Value: Sendable>(
        _ fileID: StaticString,
        _ line: UInt,
        _ body: @escaping @Sendable () throws -> Deferred<Value>
    ) -> Deferred<Value> {
        acquire(fileID, line).then(fileID: fileID, line: line) { _ -> Deferred<Value> in
            let result: Deferred<Value>
            do { result = try body() } catch {
                self.giveBack()
                throw error
            }
            return result.addBoth(fileID: fileID, line: line) { outcome in
                self.giveBack()
                return try outcome.get()
            }
        }
    }

    /// The end of a `run`. A body that has released by itself has made a mistake that nobody else would be told of.
    private func giveBack() {
        do { try release() } catch { Reporter.report(.message("\(error)")) }
    }
}
