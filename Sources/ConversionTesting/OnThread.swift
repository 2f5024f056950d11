// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Loops

/// Runs the closure on a plain thread of its own, outside of any task, and hands its outcome on.
///
/// Test functions run in a Swift task, also the synchronous ones, where `wait()` and `run()` are refused; in here they
/// are not.
public func onThread<Success: Sendable>(
    _ name: String = "test",
    _ body: @escaping @Sendable () throws -> Success
) async throws -> Success {
    let result: Result<Success, any Error> = await withCheckedContinuation { continuation in
        do { try PlainThread.start(name) { continuation.resume(returning: Result { try body() }) } } catch {
            continuation.resume(returning: .failure(error))
        }
    }
    return try result.get()
}
