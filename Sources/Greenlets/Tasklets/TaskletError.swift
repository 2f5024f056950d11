// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// What a tasklet can be: one of these at a time (Stackless: the flags `paused`, `scheduled`, `blocked`, `alive`).
///
///     bind ──▶ paused ◀──remove, scheduleRemove── scheduled ──waits──▶ blocked
///                │  └────────insert, run, throw──────▶ │ ◀──what it waits for, throw──┘
///                └──unbind, kill──▶ dead ◀──ends───────┘
public enum TaskletState: Sendable, Hashable {
    /// It has a body, and does not stand in the queue.
    case paused
    /// It runs, or stands in the queue.
    case scheduled
    /// It waits: on a channel, for anything else, or in `TaskletScheduler.run()`.
    case blocked
    /// It has ended; another body may be bound to it.
    case dead
}

/// A tasklet cannot do what was asked of it in the state it is in, or where it was asked.
public struct TaskletError: Error, Sendable, CustomStringConvertible {
    /// Why not.
    public enum Reason: Sendable, Hashable {
        /// It waits for something, and only that can schedule it.
        case blocked
        /// It has ended.
        case dead
        /// It has a body, which has not ended.
        case alive
        /// It stands in the queue.
        case scheduled
        /// Its body has begun, and has to be unwound.
        case begun
        /// It is the one that runs.
        case current
        /// It belongs to another thread's scheduler.
        case foreignThread
        /// The caller is no tasklet.
        case outside
        /// The value that was left for it is of another type.
        case valueType
    }

    /// Why not.
    public let reason: Reason
    /// The tasklet, or what there is in its place.
    public let tasklet: String
    /// What was asked.
    public let operation: String

    /// What happened, where it began, what to do.
    public var description: String {
        let what = "TaskletError: \(operation) of \(tasklet): "
        return switch reason {
        case .blocked:
            what + "it waits for something, and is scheduled when that comes. `throw` or `kill` ends the wait."
        case .dead: what + "it has ended. Bind another body to it, or make another tasklet."
        case .alive: what + "it has a body that has not ended. Let it end, `kill` it, or make another tasklet."
        case .scheduled: what + "it stands in the queue. `remove` it first, or `kill` it."
        case .begun: what + "its body has begun, and what stands on its stack has to be unwound. `kill` it."
        case .current: what + "it is the one that runs. Use TaskletScheduler.scheduleRemove()."
        case .foreignThread:
            what
                + "it belongs to another thread's scheduler, or that has ended. Call it in a tasklet of its own scheduler, or"
                + " use a channel, which may be used from any thread; `kill` and `throw` may, too."
        case .outside:
            "TaskletError: \(operation) was called by \(tasklet), which is no tasklet. Call it inside of"
                + " TaskletScheduler.run { … }."
        case .valueType: what + "the value left in its tempval is of another type than the one it asked for."
        }
    }
}
