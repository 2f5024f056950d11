// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

extension Deferred {
    /// Stops the pipeline in front of the next stage, until ``unpause(fileID:line:)`` was called as often (Twisted: Deferred.pause).
    ///
    /// A paused Deferred may fire, and be cancelled. What it waits for goes on.
    public func pause() { state.withLock { $0.pause() } }

    /// Takes back one ``pause()``; the last one runs the stages, if there is a result (Twisted: Deferred.unpause).
    ///
    /// - Executor: The stages run on the calling thread.
    /// - Errors: Without a pause to take back, it does nothing and is reported.
    public func unpause(fileID: StaticString = #fileID, line: UInt = #line) {
        switch state.withLock({ $0.unpause() }) {
        case true?: run()
        case false?: break
        case nil:
            Reporter.report(
                .message(
                    "unpause() at \(fileID):\(line) of the Deferred made at \(origin), which was not paused, did nothing. Call"
                        + " it once for each pause()."
                )
            )
        }
    }

    /// The Deferred has fired. It may be waiting for a Deferred that a stage has returned, or be paused, so this does not mean
    /// that there is a result (Twisted: Deferred.called).
    public var hasFired: Bool { state.withLock { $0.hasFired } }

    /// The result so far, when no stage is running or waited for. Looking is not observing.
    public var result: Result<Success, any Error>? {
        let phase = state.withLock { $0.phase }
        guard case .idle(let held) = phase else { return nil }
        return Self.unbox(result(of: held))
    }
}

extension Deferred: CustomStringConvertible {
    /// The type, where it was made, and its state.
    public var description: String {
        let (phase, pauses, stages, source) = state.withLock { ($0.phase, $0.pauses, $0.stages.count, $0.source) }
        var text = "Deferred<\(Success.self)> made at \(origin), "
        switch phase {
        case .unfired: text += source == nil ? "unfired" : "unfired, fed by another Deferred"
        case .idle(.value(let value)): text += "succeeded: \(value)"
        case .idle(.failure(let error, _)): text += error is CancellationError ? "cancelled" : "failed: \(error)"
        case .idle(.moved): text += "its result has gone on"
        case .scheduled, .running: text += "running a stage"
        case .waiting: text += "waiting for a Deferred that a stage returned"
        }
        if pauses > 0 { text += ", paused" }
        if stages > 0 { text += ", \(stages) stages to run" }
        return text
    }
}
