// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
import Futures

// These stand in an extension for one type so that `Greenlet.yield()` can be written without naming a type.
extension Greenlet where Success == Void {
    /// The greenlet that is running, nil outside of one: also in a fiber, or in another task's job, on top of one.
    public static var current: AnyGreenlet? {
        let words = unsafe sy_thread_current()
        guard let parker = unsafe words.pointee.parker, unsafe words.pointee.task == sy_current_task() else {
            return nil
        }
        // SAFETY: the words name the greenlet that runs; it is alive.
        return unsafe Unmanaged<AnyGreenlet>.fromOpaque(parker).takeUnretainedValue()
    }

    /// Lets the other ready greenlets run, and the loop now and then.
    ///
    /// - Errors: `GreenletExit` and the like when the greenlet was killed; `WouldDeadlock` outside of a greenlet, where
    ///   there is nothing to yield to (on a plain thread it gives up the processor).
    @available(*, noasync, message: "use `await Task.yield()`")
    @inlinable
    public static func yield() throws { try yieldCurrent() }

    /// Waits for a while; the others run meanwhile. Zero yields.
    ///
    /// - Executor: A greenlet parks by its loop's clock; a plain thread blocks.
    /// - Errors: A kill or cancellation; ``/Futures/WouldDeadlock`` where waiting is refused.
    @available(*, noasync, message: "use `try await Task.sleep(for:)`")
    public static func sleep(for duration: Duration) throws {
        if duration <= .zero { return try Self.yield() }
        switch WaitContext.current {
        case .greenlet(let parker):
            switch unsafe parker._park(on: nil, until: parker._clock.now.advanced(by: duration)) {
            case .interrupted(let error), .refused(let error): throw error
            case .unparked, .timedOut: break
            }
        case .thread: _ = ThreadParker().wait(until: LoopInstant.now.advanced(by: duration))
        case .refused(let error): throw error
        }
    }
}

/// Frames are few here as on the way of a wait, see `AnyGreenlet.suspend`.
@usableFromInline
func yieldCurrent() throws {
    guard let parker = unsafe sy_running_parker() else { return try yieldElsewhere() }
    // SAFETY: the greenlet that runs is alive as long as it does.
    try unsafe Unmanaged<AnyGreenlet>.fromOpaque(parker)._withUnsafeGuaranteedRef { try $0.yieldHere() }
}

private func yieldElsewhere() throws {
    switch WaitContext.current {
    case .greenlet: return
    case .thread: sy_thread_yield()
    case .refused(let error): throw error
    }
}

extension AnyGreenlet {
    final func yieldHere() throws {
        try throwIfInterrupted()
        yieldToOthers()
        try throwIfInterrupted()
    }
}
