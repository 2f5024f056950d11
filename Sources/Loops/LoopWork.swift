// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// One thing to do in a turn: a posted callback or a Swift job. Jobs are held as they are, without a closure each.
@safe
package enum LoopWork: @unchecked Sendable {  // SAFETY: see the next lines.
    // an `UnownedJob` is a reference that the runtime hands over for exactly one run.
    case callback(@Sendable () -> Void)
    case job(UnownedJob)
    /// Taken already.
    case spent

    package var isJob: Bool {
        if case .job = self { true } else { false }
    }

    /// Takes the work out of its slot, so that what it captured is released right after it has run.
    package static func take(_ slot: inout LoopWork) -> LoopWork {
        let work = slot
        slot = .spent
        return work
    }

    /// Does it, on the thread that runs `loop`.
    package func run(on loop: any ExecutingLoop) {
        switch self {
        case .callback(let body): body()
        case .job(let job): LoopWork.run(job, on: loop)
        case .spent: break
        }
    }

    package static func run(_ job: UnownedJob, on loop: some ExecutingLoop) {
        unsafe job.runSynchronously(
            isolatedTo: loop.asUnownedSerialExecutor(),
            taskExecutor: loop.asUnownedTaskExecutor()
        )
    }
}

/// A loop that is also both kinds of Swift executor.
public protocol ExecutingLoop: Loop, SerialExecutor, TaskExecutor {}
