// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
import CStackSwitch
import Futures

/// A greenlet whose stack is hosted by a Swift task: when it parks, the task suspends; the task's own job enters the stack
/// again. The task's task-locals, priority and cancellation are the greenlet's.
///
/// Hub rules kept here: a portal's stack is entered only by its host task's job, on the loop's own stack; when the portal
/// parks, control goes back to that job and nowhere else.
@safe
final class Portal: AnyGreenlet, @unchecked Sendable {  // SAFETY: one thread only, see below.
    // Touched on the loop's thread by the host's job or the stack it entered, but for `wake`, behind its lock.

    /// What the stack asks of its host when it leaves.
    enum Request {
        case park
        case yield
        case await(() async -> Void)
        case end
    }

    private var body: (() -> Void)?
    private let end: Future<Void>
    private var request = Request.park
    private let wake = unsafe Lock<(isDue: Bool, continuation: UnsafeContinuation<Void, Never>?)>((false, nil))

    init(hub: Hub, name: String?, stackSize: Int, fileID: StaticString, line: UInt, body: @escaping () -> Void) {
        self.body = body
        let end = Future<Void>.pending()
        self.end = end
        // SAFETY: the portal owns its end, and its hub outlives it.
        let outcome = unsafe Unmanaged<_FutureCore>.passUnretained(end)
        let hub = unsafe Unmanaged.passUnretained(hub)
        unsafe super.init(
            hub: hub,
            name: name,
            stackSize: stackSize,
            isHosted: true,
            outcome: outcome,
            fileID: fileID,
            line: line
        )
    }

    /// A portal's body always runs: a kill or cancellation before it began comes at its first wait point.
    override func endUnstarted(_ error: any Error) { interruptAtFirstWait(error) }

    /// The loop has stopped, and the stack could not be unwound.
    override func endAbandoned(_ error: any Error) {
        endInForkedChild(error)
        makeReady()
    }

    /// The host is not woken: tasks do not survive a fork.
    override func endInForkedChild(_ error: any Error) {
        unsafe state = .dead
        loss = error
        _ = end._succeed(())
    }

    /// The host is on its way here, or awaits an async function, which no interruption ends.
    override var isAboutToBeResumed: Bool {
        if case .await = request { return true }
        return unsafe super.isAboutToBeResumed || !isParked
    }

    override var pauseWithoutPark: String {
        if case .await = request { return "awaits an async function" }
        return super.pauseWithoutPark
    }

    override func observeEnd(
        quietly: Bool,
        _ body: @escaping @Sendable ((any Error)?) -> Void
    ) -> Registration { end._watch { _ in body(nil) } }

    override func main() {
        // Whoever keeps the handle does not keep what the body captured.
        let body = body
        self.body = nil
        body?()
        request = .end
        _ = end._succeed(())
    }

    // MARK: On the portal's stack

    override func suspendHosted() {
        if isLost, unsafe isInterruptible { return interrupt(hub.forkedError(self)) }
        unsafe isParked = true
        unsafe parkedAt = scheduler.pointee.runStart
        leaveToHost(.park)
    }

    override func yieldHosted() {
        if !isLost { leaveToHost(.yield) }
    }

    /// Has the host run an async function in its task, and comes back when that has ended.
    func awaitInHost(_ operation: @escaping () async -> Void) throws {
        if isLost { throw hub.forkedError(self) }
        leaveToHost(.await(operation))
    }

    private func leaveToHost(_ request: Request) {
        guard let context = unsafe context else { return }
        #if DEBUG
        checkAccesses()
        #endif
        self.request = request
        unsafe notes?.leaves(scheduler)
        _ = unsafe sy_context_switch(context, sy_carrier_root(hub.carrier), nil)
        unsafe notes?.comesBack(scheduler)
    }

    override func leave(_ context: UnsafeMutablePointer<sy_context>) {
        hub.remove(self)
        unsafe ended = context
        unsafe sy_context_set_exit_target(context, sy_carrier_root(hub.carrier), nil)
    }

    /// The process is a forked child, where the body runs on, but nobody comes back to the stack once it is left.
    var isLost = false
    private var loss: (any Error)?
    @safe private var ended: UnsafeMutablePointer<sy_context>?

    // MARK: In the host's job

    /// Runs the stack until it leaves; on the loop's thread and own stack.
    ///
    /// - Returns: What the host has to do next.
    func enter() throws -> Request {
        if let loss { throw loss }
        if unsafe state == .pending, !hub.isAccepting { throw hub.closedError(self) }
        // After its loop has stopped a task runs on the retirement thread, where no stack of the loop can be entered.
        guard hub.canEnterHere else {
            if unsafe context != nil {
                Reporter.report(
                    .message(
                        "the greenlet \(_summary) was still under way when its loop had ended. Its stack is kept, and what it"
                            + " holds leaks."
                    )
                )
            }
            throw hub.closedError(self)
        }
        hub.attachCarrier()
        let root = unsafe sy_carrier_root(hub.carrier)
        guard unsafe sy_carrier_running(hub.carrier) == root else {
            throw GreenletMisuse(
                "the task that hosts \(displayName) ran on another greenlet's stack. Do not enter a portal from a Task.immediate"
                    + " inside a greenlet; use Greenlet.spawn, or Greenlet.await."
            )
        }
        if unsafe context == nil {
            try prepare()
            // SAFETY: the entry function's reference, which it gives up when it returns.
            _ = unsafe Unmanaged.passRetained(self)
            hub.insert(self)
            hub.holdStacks()
        }
        let words = unsafe sy_runtime_current_words()
        unsafe sy_context_set_host(context!, words.task, words.tracking)
        unsafe sy_context_set_user_word(context!, 2, UnsafeMutableRawPointer(mutating: sy_current_task()))
        unsafe state = .started
        let entered = unsafe context!
        request = .park
        unsafe scheduler.pointee.beginRun(at: hub.loop.now)
        _ = unsafe sy_context_switch(root, entered, nil)
        unsafe scheduler.pointee.endRun()
        if let ended = ended {
            self.ended = nil
            unsafe Hub.destroy(ended)
        }
        return request
    }

    /// Suspends the host task until the portal is made ready, or the task is cancelled.
    func waitUntilReady() async {
        // Not `withTaskCancellationHandler`: its operation leaves the loop, so that coming back would take two hops.
        let record = unsafe sy_task_add_cancellation_handler(
            // SAFETY: the handler is removed below, and `self` lives until this function returns.
            { unsafe Unmanaged<_Node>.fromOpaque($0).takeUnretainedValue()._taskCancelled() },
            Unmanaged.passUnretained(self).toOpaque()
        )
        await unsafe withUnsafeContinuation { continuation in
            let isDue = unsafe wake.withLock { wake in
                if unsafe wake.isDue {
                    unsafe wake.isDue = false
                    return true
                }
                unsafe wake.continuation = continuation
                return false
            }
            if isDue { unsafe continuation.resume() }
        }
        unsafe sy_task_remove_cancellation_handler(record)
    }

    override public func _taskCancelled() { cancelFromTask() }

    /// The host task was cancelled: the wait point in progress throws, and so does the next one.
    func cancelFromTask() { kill(CancellationError()) }

    override func makeReady() {
        unsafe isParked = false
        let continuation = unsafe wake.withLock { wake in
            defer { unsafe wake.continuation = nil }
            if unsafe wake.continuation == nil { unsafe wake.isDue = true }
            return unsafe wake.continuation
        }
        unsafe continuation?.resume()
    }
}
