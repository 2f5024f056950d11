// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

extension PoolCore: ForkGuarded {
    func lockForFork() { state.lockForFork() }

    /// The jobs are the parent's to do. The child starts threads as it needs them.
    func unlockAfterFork(inChild: Bool) {
        state.unlockAfterFork { state in
            guard inChild else { return }
            ForkGuard.leave((state.queue, state.workers, state.idle, state.awaited))
            // A job may fork: then its thread goes on in the child.
            let thread = Worker.currentThread
            state.workers = state.workers.filter { $0.thread == thread }
            (state.queue, state.idle, state.awaited) = ([], [], [:])
        }
    }
}
