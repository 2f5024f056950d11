// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// What happens to one outcome on its way.
public enum Case: String, CaseIterable, Sendable {
    case value
    case error
    case alreadyComplete = "already complete"
    case otherThread = "completes on another thread"
    case cancelledByConsumer = "cancelled by the consumer"
    case cancelledBySource = "cancelled by the source"
    case completedTwice = "completed twice"
    case dropped
}

/// Why a case does not apply to a source: the whole list.
public enum Reason: String, CaseIterable, Sendable {
    case cannotBeCancelled = "the source cannot be cancelled"
    case noFailureChannel = "the source has no failure channel"
    case noErrorChannel = "the sink has no error channel (declared)"
    case cannotBeProduced = "the case cannot be produced by this source"
}
