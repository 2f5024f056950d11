// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// Where a run has come to.
enum Turn {
    /// Nothing is left that could run now.
    case ended
    /// A result went over to `next`, which runs first. `continues`: stages are left here.
    case handedOver(to: _DeferredCore, continues: Bool)
}

extension _DeferredCore {
    /// What has to fire before this one goes on.
    var waitsFor: _DeferredCore? { state.withLock { $0.source } }

    /// Adds a stage, and runs it if the result is there.
    func add(_ stage: Stage) {
        if state.withLock({ $0.append(stage) }) { run() }
    }

    /// Adds a stage for a user, who may have the wrong handle.
    func add(_ stage: Stage, _ verb: StaticString, _ fileID: StaticString? = nil, _ line: UInt = 0) {
        let (mustRun, hasGoneOn) = state.withLock { ($0.append(stage), $0.hasGoneOn) }
        if hasGoneOn {
            Reporter.report(
                .message(
                    "\(verb)\(fileID.map { " at \($0):\(line)" } ?? "") came behind the `then` of the Deferred made at \(origin), whose result has gone"
                        + " on to the Deferred that `then` returned. What was added gets DeferredResultMoved; add it to that"
                        + " one, or before."
                )
            )
        }
        if mustRun { run() }
    }

    /// Runs this one, which is scheduled, and those its result goes on to: in a loop, however long the chain
    /// (Twisted issue 4593).
    func run() {
        var current = self
        var unfinished: [_DeferredCore] = []
        while true {
            switch current.advance() {
            case .handedOver(let next, let continues):
                if continues { unfinished.append(current) }
                current = next
            case .ended:
                guard let last = unfinished.popLast() else { return }
                current = last
            }
        }
    }

    /// Runs stages, for the one who has scheduled this one.
    private func advance() -> Turn {
        guard var held = state.withLock({ $0.take() }) else { return .ended }
        while let stage = state.withLock({ $0.next(held) }) {
            switch stage {
            case .transform(let onValue, let onError):
                switch transform(&held, onValue, onError) {
                case nil: continue
                case let inner?:
                    state.withLock { $0.wait(for: inner) }
                    guard follow(inner) else { return .ended }
                    guard let resumed = state.withLock({ $0.take() }) else { return .ended }
                    held = resumed
                }
            case .observe(let observer):
                observer.call(with: result(of: held))
                if observer.handles, case .failure(let error, isHandled: false) = held {
                    held = .failure(error, isHandled: true)
                }
            case .handOver(let destination, let receive):
                let handOver = receive(owned(held))
                held = .moved(destination)
                switch handOver {
                case .scheduled(let next):
                    let moved = held
                    return .handedOver(to: next, continues: state.withLock { $0.reschedule(moved) })
                case .done: continue
                case .refused(let error): held = .failure(error)
                }
            }
        }
        return .ended
    }

    /// Runs one stage.
    ///
    /// - Returns: The Deferred that the stage has returned, if it has.
    private func transform(
        _ held: inout Held,
        _ onValue: (@Sendable (any Sendable) throws -> Step)?,
        _ onError: (@Sendable (any Error) throws -> Step)?
    ) -> _DeferredCore? {
        do {
            let step: Step
            switch held {
            case .value(let value):
                guard let onValue else { return nil }
                step = try onValue(value)
            case .failure(let error, _):
                guard let onError else { return nil }
                step = try onError(error)
            case .moved(let destination):
                guard let onError else { return nil }
                step = try onError(DeferredResultMoved(destination: destination, origin: origin))
            }
            switch step {
            case .value(let value): held = .value(value)
            case .wait(let inner): return inner
            }
        } catch let error as DeferredResultMoved {
            // An errback that lets it through has not made a new failure of it.
            if case .moved = held { return nil }
            held = .failure(error)
        } catch {
            held = .failure(error)
        }
        return nil
    }

    func result(of held: Held) -> Result<any Sendable, any Error> {
        switch held {
        case .value(let value): .success(value)
        case .failure(let error, _): .failure(error)
        case .moved(let destination): .failure(DeferredResultMoved(destination: destination, origin: origin))
        }
    }

    // MARK: Waiting for another one

    /// Fires with the result of `inner`, in the course of a run.
    func accept(from inner: _DeferredCore) -> HandOver {
        switch state.withLock({ $0.fire(waitingFor: inner) }) {
        case .fired(_, let canceller):
            _ = consume canceller
            return follow(inner) ? .scheduled(self) : .done
        case let firing: return answer(firing)
        }
    }

    /// This one is waiting for `inner`: takes its result, now or when it is there.
    ///
    /// - Returns: True if this one is to be run.
    private func follow(_ inner: _DeferredCore) -> Bool {
        // Without somebody who waits for this one there is no ring; looking is as long as the chain.
        let isWaitedFor = inner === self || state.withLock { $0.stages.contains { $0.isHandOver } }
        if isWaitedFor, inner.standsOn(self) {
            let error = DeferredCycle(origin: origin)
            return state.withLock { $0.resume(.failure(error)) }
        }
        guard let held = inner.give(to: self) else { return false }
        return state.withLock { $0.resume(held) }
    }

    /// The result, if it is there; otherwise `outer` gets it later. Either way it is gone from here.
    private func give(to outer: _DeferredCore) -> Held? {
        let (held, hasGoneOn) = state.withLock { state in
            if let held = state.takeResult(for: .returned) { return (Optional(held), state.hasGoneOn) }
            _ = state.append(
                .handOver(.returned) { held in
                    outer.state.withLock { $0.resume(held) } ? .scheduled(outer) : .done
                }
            )
            return (nil, state.hasGoneOn)
        }
        if hasGoneOn {
            Reporter.report(
                .message(
                    "a stage returned the Deferred made at \(origin), whose result has gone on to the Deferred that `then`"
                        + " returned. Return that one."
                )
            )
        }
        return held.map { owned($0) }
    }

    /// What has moved on before is an error of the one who comes for it now.
    private func owned(_ held: Held) -> Held {
        guard case .moved(let destination) = held else { return held }
        return .failure(DeferredResultMoved(destination: destination, origin: origin))
    }
}
