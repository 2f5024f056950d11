// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Measure

/// What `await` costs without any library: the floor under our `value`.
let continuationRows: [Row] = [
    .stopwatch("continuation") { count, watch in
        try consume(count, &watch) { stage, slot, sink in
            for _ in 0..<count {
                sink.sum &+= try await withUnsafeThrowingContinuation(isolation: stage) { slot.continuation = $0 }
            }
        }
    },
    .stopwatch("checked-continuation") { count, watch in
        try consume(count, &watch) { stage, slot, sink in
            for _ in 0..<count {
                sink.sum &+= try await withCheckedThrowingContinuation(isolation: stage) { continuation in
                    slot.callback = { continuation.resume(returning: $0) }
                }
            }
        }
    },
    .stopwatch("cancellable-continuation") { count, watch in
        try consume(count, &watch) { stage, slot, sink in
            for _ in 0..<count {
                sink.sum &+= try await withTaskCancellationHandler(
                    operation: {
                        _ = stage
                        return try await withUnsafeThrowingContinuation(isolation: stage) { slot.continuation = $0 }
                    },
                    onCancel: { slot.cancelled = true },
                    isolation: stage
                )
            }
        }
    },
]

/// Holds what the consumer waits for; the loop's turn resumes it, on the same thread.
private final class Slot: @unchecked Sendable {  // SAFETY: one thread runs the consumer and the turns.
    @exclusivity(unchecked) var continuation: UnsafeContinuation<Int, any Error>?
    @exclusivity(unchecked) var callback: ((Int) -> Void)?
    @exclusivity(unchecked) var cancelled = false
}

private func consume(
    _ count: Int,
    _ watch: inout Stopwatch,
    _ body: @escaping @Sendable (isolated Stage, Slot, Sink) async throws -> Void
) throws {
    let slot = Slot()
    let sink = Sink()
    let executor = TurnExecutor()
    try watch.time {
        try executor.run { stage in
            try await body(stage, slot, sink)
        } turn: {
            if let callback = slot.callback {
                slot.callback = nil
                callback(1)
            }
            guard let continuation = slot.continuation else { return }
            slot.continuation = nil
            continuation.resume(returning: 1)
        }
    }
    guard sink.sum == count, executor.enqueues < count + 10 else {
        throw RowError("a value was lost, or the stage was left")
    }
}
