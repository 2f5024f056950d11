// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
import Futures

/// Looks at the condition again and again until it holds.
///
/// For conditions that real threads bring about: the deadline is generous and only ends a test that fails. Between two
/// looks other tasks run.
///
/// - Returns: Whether the condition came to hold.
public func eventually(
    within limit: Duration = .seconds(60),
    _ condition: () throws -> Bool
) async rethrows -> Bool {
    let end = LoopInstant.now.advanced(by: limit)
    var looks = 0
    while try !condition() {
        if LoopInstant.now >= end { return false }
        looks += 1
        if looks < 100 {
            await Task.yield()
        } else {
            // Not through a loop or the reporter's thread: a test may hold those up. A cancelled task looks faster.
            try? await Task.sleep(for: .milliseconds(1))
        }
    }
    return true
}

/// The same on a plain thread, which it blocks.
///
/// - Returns: Whether the condition came to hold.
@available(*, noasync, message: "use `await eventually { … }`")
public func blockUntil(within limit: Duration = .seconds(60), _ condition: () throws -> Bool) rethrows -> Bool {
    let end = LoopInstant.now.advanced(by: limit)
    let parker = ThreadParker()
    var looks = 0
    while try !condition() {
        if LoopInstant.now >= end { return false }
        looks += 1
        if looks < 100 {
            sy_thread_yield()
        } else {
            _ = parker.wait(until: LoopInstant.now.advanced(by: .milliseconds(1)))
        }
    }
    return true
}
