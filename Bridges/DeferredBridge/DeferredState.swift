// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// The pipeline of a Deferred: which phase it is in, and the stages that have not run.
///
///     unfired ──fire──▶ idle ──begin──▶ scheduled ──next──▶ running ──no stage left──▶ idle
///                                                              └──a Deferred was returned──▶ waiting ──resume──▶ idle
///
/// One thread at a time runs the stages: the one whose call has led to `scheduled`. It has the result in hand meanwhile.
struct DeferredState {
    enum Phase {
        case unfired
        case idle(Held)
        case scheduled(Held)
        case running
        /// A stage has returned another Deferred, whose result is to come.
        case waiting
    }

    private(set) var phase: Phase
    var stages = _Ring<Stage>()
    private(set) var pauses = 0
    var canceller: Canceller?
    /// What this one waits for, unfired or waiting. Weak: who waits does not keep alive what has to fire, so that a
    /// Deferred that nobody can fire any more is noticed.
    weak var source: _DeferredCore?
    /// The canceller is running, or has run.
    private(set) var isCancelling = false
    /// A late fire after a cancellation without a canceller is forgiven.
    private(set) var swallowsNext = false
    /// `then` has taken this handle's place in the program.
    var hasGoneOn = false
    #if DEBUG
    private(set) var firedAt: SourceSite?
    #endif

    init(phase: Phase = .unfired) { self.phase = phase }

    var hasFired: Bool {
        if case .unfired = phase { false } else { true }
    }

    /// What firing has led to. The canceller is handed out to be dropped where no lock is held.
    enum Firing {
        case fired(mustRun: Bool, dropping: Canceller?)
        case swallowed
        case refused(first: SourceSite?)
    }

    mutating func fire(_ held: Held, at site: SourceSite?) -> Firing {
        guard !hasFired else { return refuse() }
        phase = .idle(held)
        #if DEBUG
        firedAt = site
        #endif
        let old = leaveSource()
        return .fired(mustRun: begin(), dropping: old)
    }

    /// Fires with the result of another Deferred that is still to come.
    mutating func fire(waitingFor source: _DeferredCore) -> Firing {
        guard !hasFired else { return refuse() }
        let old = leaveSource()
        wait(for: source)
        return .fired(mustRun: false, dropping: old)
    }

    private mutating func refuse() -> Firing {
        if swallowsNext {
            swallowsNext = false
            return .swallowed
        }
        #if DEBUG
        return .refused(first: firedAt)
        #else
        return .refused(first: nil)
        #endif
    }

    private mutating func leaveSource() -> Canceller? {
        source = nil
        defer { canceller = nil }
        return canceller
    }

    // MARK: Running

    /// Whether there is something to run: then the caller is the one who has to.
    mutating func begin() -> Bool {
        guard case .idle(let held) = phase, pauses == 0, !stages.isEmpty else { return false }
        phase = .scheduled(held)
        return true
    }

    /// For the runner: what was scheduled.
    mutating func take() -> Held? {
        guard case .scheduled(let held) = phase else { return nil }
        phase = .running
        return held
    }

    /// For the runner: the next stage. Without one the result stays here, and the run has ended.
    mutating func next(_ held: Held) -> Stage? {
        guard pauses == 0, let stage = stages.popFirst() else {
            phase = .idle(held)
            return nil
        }
        return stage
    }

    /// For the runner: gives the result back, to go on later.
    ///
    /// - Returns: True if the run is to be continued.
    mutating func reschedule(_ held: Held) -> Bool {
        phase = .idle(held)
        return begin()
    }

    /// For the runner: a stage has returned another Deferred.
    mutating func wait(for source: _DeferredCore) {
        phase = .waiting
        self.source = source
    }

    /// The result of the Deferred waited for is there.
    mutating func resume(_ held: Held) -> Bool {
        source = nil
        return reschedule(held)
    }

    mutating func append(_ stage: Stage) -> Bool {
        stages.append(stage)
        return begin()
    }

    /// Takes the result, if it is there and no stage comes before.
    mutating func takeResult(for destination: DeferredResultMoved.Destination) -> Held? {
        guard case .idle(let held) = phase, pauses == 0, stages.isEmpty else { return nil }
        phase = .idle(.moved(destination))
        return held
    }

    // MARK: Pausing

    mutating func pause() { pauses += 1 }

    /// Nil if it was not paused.
    mutating func unpause() -> Bool? {
        guard pauses > 0 else { return nil }
        pauses -= 1
        return begin()
    }

    // MARK: Cancelling

    enum Cancellation {
        case nothing
        case forward(to: _DeferredCore)
        case call(@Sendable (_DeferredCore) throws -> Void)
        case ask(@Sendable () -> CancellationAnswer)
        case end
    }

    mutating func cancel() -> Cancellation {
        switch phase {
        case .waiting: return source.map { .forward(to: $0) } ?? .nothing
        case .idle, .scheduled, .running: return .nothing
        case .unfired: break
        }
        if isCancelling { return .nothing }
        switch canceller {
        case .custom(let body):
            isCancelling = true
            canceller = nil
            return .call(body)
        case .answering(let body): return .ask(body)
        case nil: break
        }
        if let source { return .forward(to: source) }
        // What would have fired it knows nothing of the cancellation.
        swallowsNext = true
        return .end
    }
}
