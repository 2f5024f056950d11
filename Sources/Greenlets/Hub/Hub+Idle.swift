// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

extension Hub {
    /// Completes when no greenlet of the loop is left, at once if there is none (gevent: hub.join).
    ///
    ///     try loop.run(until: Hub.whenIdle(of: loop))
    ///
    /// It may be asked for again and again; the hub stays as usable as before. A greenlet of the loop that waits for it waits
    /// for itself: join the others instead.
    ///
    /// - Executor: Completed on the loop's thread.
    /// - Cancellation: Affects only the future.
    /// - Errors: None: a stopped loop has no greenlets.
    public static func whenIdle(of loop: any Loop) -> Future<Void> {
        let promise = Promise<Void>("the end of all greenlets of loop \"\(loop.name)\"")
        let hub = Hub.of(loop)
        let isSent = hub.send {
            hub.idleWaiters.append(promise)
            hub.completeIdle()
        }
        if !isSent { promise.tryComplete(.success(())) }
        return promise.future
    }

    /// On the loop's thread and own stack.
    func completeIdle() {
        guard liveCount == 0 else { return }
        let waiters = idleWaiters
        idleWaiters = []
        for waiter in waiters { waiter.tryComplete(.success(())) }
    }
}
