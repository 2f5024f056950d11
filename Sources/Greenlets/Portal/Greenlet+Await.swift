// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

extension Greenlet where Success == Void {
    /// Runs an async function from blocking code and waits for it.
    ///
    /// In a portal (`Greenlet.run`) the function runs in the *same* task: with its task-locals, cancellation and
    /// priority. In a spawned greenlet and on a plain thread it runs in a new task, and the caller waits.
    ///
    /// - Executor: In a portal the function starts on the loop's thread. Its new task prefers the loop of the greenlet; on a
    ///   plain thread it runs on the global executor. It hops like any async function.
    /// - Cancellation: A cancelled host task cancels the function, as with any await. A kill of a portal does not, since its
    ///   task is its caller's, too: it is thrown at the portal's next wait after this one. In a spawned greenlet a kill
    ///   cancels the new task and is thrown at once, without waiting for that to end.
    /// - Errors: The function's own; a kill; ``/Futures/WouldDeadlock`` where waiting is refused: in a task without a
    ///   portal, on a loop's own stack, in an observer.
    @available(*, noasync, message: "just await it")
    public static func await<Value: Sendable>(
        _ operation: @escaping @Sendable () async throws -> Value
    ) throws -> Value {
        switch WaitContext.current {
        case .greenlet(let parker):
            try (parker as? AnyGreenlet)?.refuseTrappedWait(for: "an async function")
            if let portal = parker as? Portal { return try portal.await(operation) }
        case .thread: break
        case .refused(let error): throw error
        }
        return try startTask(operation).wait()
    }

    /// A task that prefers the calling greenlet's loop, as a future.
    private static func startTask<Value: Sendable>(
        _ operation: @escaping @Sendable () async throws -> Value
    ) -> Future<Value> {
        let future = Future<Value>.pending()
        let task = Task(executorPreference: CurrentLoop.current as? any TaskExecutor) {
            do { _ = future._succeed(try await operation()) } catch { _ = future._fail(error) }
        }
        future._setCanceller {
            task.cancel()
            return .tooLate
        }
        return future
    }
}

extension Portal {
    func await<Value: Sendable>(_ operation: @escaping () async throws -> Value) throws -> Value {
        let slot = ResultSlot<Value>()
        try awaitInHost {
            do { slot.result = .success(try await operation()) } catch { slot.result = .failure(error) }
        }
        return try slot.result!.get()
    }
}

/// Where the host leaves what it awaited; touched by one task only.
final class ResultSlot<Value> {
    var result: Result<Value, any Error>?
}
