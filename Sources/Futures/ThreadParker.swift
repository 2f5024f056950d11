// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures

/// One blocked thread: a wake before the wait is kept.
@safe
// SAFETY: immutable; made for use from several threads.
package final class ThreadParker: @unchecked Sendable {
    private let parker = unsafe sy_thread_parker_create()

    package init() {}
    deinit { unsafe sy_thread_parker_destroy(parker) }

    /// Waits until woken; false if the instant came first.
    package func wait(until deadline: LoopInstant = .distantFuture) -> Bool {
        unsafe sy_thread_parker_wait(parker, deadline.nanoseconds)
    }

    package func wake() { unsafe sy_thread_parker_wake(parker) }
}
