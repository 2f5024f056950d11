// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// The part of a Deferred that does not depend on its value's type: the pipeline, and the links to those it waits for.
///
/// Not for use outside of Switchyard. Values are boxed in it: unspecialised generic code would look up the metadata of half a
/// dozen types in every step, which costs more than the step.
public class _DeferredCore: @unchecked Sendable {  // SAFETY: immutable, but for what the lock holds.
    let state: Lock<DeferredState>
    let label: String?
    #if DEBUG
    let created: SourceSite
    #endif

    init(_ state: consuming DeferredState, _ label: String?, _ fileID: StaticString, _ line: UInt) {
        self.state = Lock(state)
        self.label = label
        #if DEBUG
        created = SourceSite(fileID: fileID, line: line)
        #endif
    }

    /// The one who takes over the stages of one that is being released.
    private init(heirOf dying: _DeferredCore, _ stages: _Ring<Stage>) {
        var state = DeferredState()
        state.stages = stages
        self.state = Lock(state)
        label = dying.label
        #if DEBUG
        created = dying.created
        #endif
    }

    deinit {
        // Nobody else has it: a run and what it waits for would keep it alive.
        let (stages, phase) = state.withLock { state in
            defer { state.stages = _Ring() }
            return (state.stages, state.phase)
        }
        if !stages.isEmpty {
            bequeath(stages)
        } else if case .idle(.failure(let error, isHandled: false)) = phase, !(error is CancellationError) {
            reportUnhandled(error)
        }
    }

    /// Dropped before it fired, or while paused: the stages learn of it. Nothing that begins in a `deinit` runs user code on
    /// its stack.
    private func bequeath(_ stages: _Ring<Stage>) {
        let heir = _DeferredCore(heirOf: self, stages)
        let error = BrokenPromise(origin: origin)
        Drain.shared.post { heir.settle(.failure(error)) }
    }

    private func reportUnhandled(_ error: any Error) {
        #if DEBUG
        let firedAt = state.withLock { $0.firedAt }
        Reporter.report(.unobservedFailure(error: error, label: label, created: created, completed: firedAt))
        #else
        Reporter.report(.unobservedFailure(error: error, label: label, created: nil, completed: nil))
        #endif
    }

    /// Where it was made, for diagnostics.
    var origin: String {
        #if DEBUG
        return label.map { "\"\($0)\" (\(created))" } ?? "\(created)"
        #else
        return label.map { "\"\($0)\"" } ?? "an unknown place (label it, or build for debugging, to see where)"
        #endif
    }

    // MARK: Firing

    /// Fires for a user.
    func fire(_ held: Held, _ fileID: StaticString, _ line: UInt) throws {
        #if DEBUG
        let site: SourceSite? = SourceSite(fileID: fileID, line: line)
        #else
        let site: SourceSite? = nil
        #endif
        switch state.withLock({ $0.fire(held, at: site) }) {
        case .fired(let mustRun, let canceller):
            _ = consume canceller
            if mustRun { run() }
        case .swallowed: return
        case .refused(let first):
            throw AlreadyCalled(origin: origin, first: first, second: SourceSite(fileID: fileID, line: line))
        }
    }

    /// Fires for a producer of ours, which may come second to a cancellation.
    ///
    /// - Returns: True if the result is this Deferred's now.
    @discardableResult
    func settle(_ held: Held) -> Bool {
        guard case .fired(let mustRun, let canceller) = state.withLock({ $0.fire(held, at: nil) }) else { return false }
        _ = consume canceller
        if mustRun { run() }
        return true
    }

    /// Fires in the course of a run, which goes on here.
    func accept(_ held: Held) -> HandOver { answer(state.withLock { $0.fire(held, at: nil) }) }

    func answer(_ firing: DeferredState.Firing) -> HandOver {
        switch firing {
        case .fired(let mustRun, _): mustRun ? .scheduled(self) : .done
        case .swallowed: .done
        case .refused(let first): .refused(AlreadyCalled(origin: origin, first: first, second: nil))
        }
    }
}
