// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

// What tests look at: that nothing piles up, and that posting does not wake who is awake.
extension IOLoop {
    package var watcherCount: Int { descriptors.count }
    package var pendingPosts: Int { mailbox.state.withLock { $0.work.count } }
    package var heldTimers: Int { timers.held }
    package var closeActions: Int { closers.count }
    /// How often a sleeping thread was woken through the kernel.
    package var wakeUps: Int { mailbox.wakeUps }
}
