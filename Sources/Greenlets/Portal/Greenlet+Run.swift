// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
import Futures
public import Loops

extension Greenlet where Success == Void {
    /// Runs blocking code on a stack of its own inside the calling task: where the code waits, the task suspends.
    ///
    ///     let total = try await Greenlet.run {
    ///         try fetch(a).wait().count + fetch(b).wait().count
    ///     }
    ///
    /// Task-locals, cancellation and priority are the caller's; isolation and thread are the loop's. Inside, the caller's
    /// actor is reached with `Greenlet.await`, and `assumeIsolated` for it traps.
    ///
    /// - Executor: The body runs on the loop's thread.
    /// - Cancellation: Cancelling the task throws `CancellationError` at the wait in progress, and at each later one that
    ///   would have to wait: a cancelled task stays cancelled. (The kill of a spawned greenlet is forgotten once it was
    ///   thrown, so that its clean-up may wait.) Clean-up that has to wait does it in a task of its own:
    ///   `try Greenlet.await { await Task { … }.value }`.
    /// - Parameters:
    ///   - loop: Where the body runs.
    ///   - name: For dumps and diagnostics.
    ///   - stackSize: Usable bytes; 0 for 256 KiB. Virtual until touched.
    /// - Errors: The body's. ``/Futures/LoopClosed`` when the loop has stopped before the body could start.
    /// - Complexity: A park costs about a `Task.yield`.
    public static func run<Result>(
        on loop: any ExecutingLoop = IOLoop.shared,
        name: String? = nil,
        stackSize: Int = 0,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: sending @escaping () throws -> sending Result
    ) async throws -> sending Result {
        try await PortalHost(loop).run(name: name, stackSize: stackSize, fileID: fileID, line: line, body)
    }
}

/// An actor that lives on the loop; its jobs are the ones that enter portals.
private actor PortalHost {
    private nonisolated let loop: any ExecutingLoop

    init(_ loop: any ExecutingLoop) { self.loop = loop }

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    func run<Result>(
        name: String?,
        stackSize: Int,
        fileID: StaticString,
        line: UInt,
        _ body: sending @escaping () throws -> sending Result
    ) async throws -> sending Result {
        let outcome = OutcomeBox<Result>()
        // The portal is a local of this call: what the body captured was sent here, and its result is sent back.
        let portal = Portal(hub: Hub.of(loop), name: name, stackSize: stackSize, fileID: fileID, line: line) {
            do { outcome.value = .success(try body()) } catch {
                // Outside, who was killed was cancelled.
                outcome.value = .failure(error is GreenletExit ? CancellationError() : error)
            }
        }
        if Task.isCancelled { portal.cancelFromTask() }
        drive: while true {
            try await comeToLoop()
            switch try portal.enter() {
            case .end: break drive
            case .park: await portal.waitUntilReady()
            case .yield:
                await Task.yield()
                if Task.isCancelled { portal.cancelFromTask() }
            case .await(let operation): await operation()
            }
        }
        return try outcome.take()
    }

    /// An executor preference is no pin, and in release builds the optimiser may drop the first hop to this actor: so every
    /// entry into the stack checks the thread.
    private func comeToLoop() async throws {
        var attempts = 0
        while !loop.isCurrent {
            attempts += 1
            if attempts > 16 {
                preconditionFailure(
                    "a task that hosts a greenlet could not be brought to the thread of loop \"\(loop.name)\""
                )
            }
            try await hop()
        }
    }

    private func hop() async throws {
        let arrival = Future<Void>.pending()
        let name = loop.name
        let closing = loop.whenClosed {
            _ = arrival._fail(LoopClosed(loop: name, operation: "Greenlet.run"))
        }
        loop.post { _ = arrival._succeed(()) }
        defer { closing.cancel() }
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            _ = arrival.observe { continuation.resume(with: $0) }
        }
    }
}

/// Where a portal's body leaves its result.
private final class OutcomeBox<Value> {
    var value: Result<Value, any Error>?

    func take() throws -> sending Value {
        defer { value = nil }
        // SAFETY: the body that made the value has ended, and this box was its only holder.
        nonisolated(unsafe) let result = try value!.get()
        return unsafe result
    }
}
