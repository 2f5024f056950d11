// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

extension Deferred {
    /// Goes on with a value of another type.
    ///
    /// From here on the result belongs to the Deferred that is returned, and the pipeline continues there. What is added to
    /// this one later is misuse: it is reported, and gets ``DeferredResultMoved``.
    ///
    /// - Executor: `callback` runs as a stage of this Deferred, and the stages of the result right after it.
    /// - Cancellation: Cancelling the result cancels this Deferred; the cancellation of this one is the result's outcome.
    /// - Errors: This Deferred's; what `callback` throws.
    /// - Complexity: O(1). Chains run and are released in a loop, however long they are.
    public func then<New: Sendable>(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ callback: @escaping @Sendable (Success) throws -> New
    ) -> Deferred<New> {
        goOn(fileID, line) { held, next in
            switch held {
            case .value(let value): next.accept(.catching { try callback(Self.unbox(value)) })
            case .failure, .moved: next.accept(held)
            }
        }
    }

    /// Goes on with a Deferred of another type, and takes its result over.
    ///
    /// Like the form whose stage returns a value in all else.
    public func then<New: Sendable>(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ callback: @escaping @Sendable (Success) throws -> Deferred<New>
    ) -> Deferred<New> {
        goOn(fileID, line) { held, next in
            switch held {
            case .value(let value):
                do { return next.accept(from: try callback(Self.unbox(value))) } catch {
                    return next.accept(.failure(error))
                }
            case .failure, .moved: return next.accept(held)
            }
        }
    }

    /// Goes on with a value of another type, made of the value or of the error.
    ///
    /// Like the form without `errback` in all else.
    public func then<New: Sendable>(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ callback: @escaping @Sendable (Success) throws -> New,
        errback: @escaping @Sendable (any Error) throws -> New
    ) -> Deferred<New> {
        goOn(fileID, line) { held, next in
            switch held {
            case .value(let value): next.accept(.catching { try callback(Self.unbox(value)) })
            case .failure(let error, _): next.accept(.catching { try errback(error) })
            case .moved: next.accept(held)
            }
        }
    }

    /// The result of the Deferred that is this one's value.
    ///
    /// A Deferred as a value is an ordinary value: only this, and `then { $0 }`, wait for it. (In Twisted, `callback` takes one
    /// without a word and confuses it with a result.)
    public func flatten<Inner: Sendable>(
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Deferred<Inner> where Success == Deferred<Inner> {
        then(fileID: fileID, line: line) { inner -> Deferred<Inner> in inner }
    }

    /// Passes the result on to another Deferred, which it fires (Twisted: Deferred.chainDeferred).
    ///
    /// The result moves; what is added to this one later gets ``DeferredResultMoved``. If the target has fired before, it
    /// keeps its result, and this one goes on with ``AlreadyCalled``. A target that this one waits for, or is, fails with
    /// ``DeferredCycle``.
    ///
    /// - Executor: The stages of the target run right after this one's, in the same loop: chains of any length are fine.
    /// - Cancellation: Cancelling the target calls its own canceller; without one it cancels this Deferred.
    /// - Returns: This Deferred.
    @discardableResult
    public func chainDeferred(
        _ target: Deferred<Success>,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Deferred<Success> {
        let isWaitedFor = target.state.withLock { state in
            if !state.hasFired, state.source == nil { state.source = self }
            return state.stages.contains(where: \.isHandOver)
        }
        // Looking is as long as the chain; without somebody who waits for the target there is no ring.
        if target === self || isWaitedFor, waitsFor?.standsOn(target) ?? (target === self) {
            target.settle(.failure(DeferredCycle(origin: origin)))
        }
        add(.handOver(.chained) { held in target.accept(held) }, "chainDeferred", fileID, line)
        return self
    }

    private func goOn<New: Sendable>(
        _ fileID: StaticString,
        _ line: UInt,
        _ receive: @escaping @Sendable (Held, Deferred<New>) -> HandOver
    ) -> Deferred<New> {
        var state = DeferredState()
        state.source = self
        let next = Deferred<New>(state, nil, fileID, line)
        add(.handOver(.then) { held in receive(held, next) }, "then", fileID, line)
        self.state.withLock { $0.hasGoneOn = true }
        return next
    }
}
