// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import CFutures

/// What can park: a greenlet. The one thing a wait asks of the world of greenlets; it is itself the observer of what it
/// waits for, so a wait allocates nothing.
///
/// Not for use outside of Switchyard.
open class _Parker: _Node, @unchecked Sendable {  // SAFETY: holds no state.
    override package init() { super.init() }

    /// For subclasses in Switchyard's other modules.
    public init(_parker: Void) { super.init() }

    /// Suspends the running greenlet until it is unparked, until the deadline, or until a kill or cancellation.
    ///
    /// - Parameter source: What it waits for; the caller holds it.
    open func _park(on source: Unmanaged<_FutureCore>?, until deadline: LoopInstant?) -> _ParkResult { .timedOut }

    /// The same for who waits in a line, without a future.
    ///
    /// - Parameter line: Whose line it is; the caller holds it.
    open func _park(in line: Unmanaged<_Node>, until deadline: LoopInstant?) -> _ParkResult { .timedOut }

    /// Suspends until unparked, whatever else happens: an observer that could not be withdrawn is about to call.
    open func _parkUninterruptibly() {}

    /// Has the next park end with this error: an interruption that came too late for the last one.
    open func _postpone(_ interruption: any Error) {}

    /// Ends the current or the next park. From any thread.
    open func _unpark() {}

    /// The same; if the greenlet belongs to the loop that runs here, it comes before those that are ready.
    open func _unparkNext() { _unpark() }

    /// Has the running greenlet let those run who are ready, and come back.
    open func _letOthersRun() {}

    /// Has the greenlets that `body` wakes run next, before those that are ready.
    open func _wakingNext(_ body: () -> Void) { body() }

    /// A consumer of the future that this parker stands behind asks it to stop.
    open func _parkerCancelled() {}

    /// As the link of a future: the parker ends as it decides, so the future stays pending.
    override public final func _takeCanceller(of future: _FutureCore) -> (@Sendable () -> CancellationAnswer)? {
        {
            self._parkerCancelled()
            return .tooLate
        }
    }

    /// The clock of deadlines.
    open var _clock: any Loop { Drain.shared }

    @usableFromInline
    override package final func _sourceCompleted(_ source: _FutureCore) { _unpark() }
}

/// How a park ended.
public enum _ParkResult {
    /// It was unparked.
    case unparked
    /// The deadline came first.
    case timedOut
    /// A kill or a cancellation came first.
    case interrupted(any Error)
    /// It did not begin, because it could never end; the source is left as it is.
    case refused(any Error)
}

/// Who is asking to wait (DESIGN §4).
@usableFromInline
package enum WaitContext {
    case greenlet(_Parker)
    case thread
    case refused(WouldDeadlock)

    /// The greenlet that runs on the calling thread and may park here; the common case of `current`, without its
    /// reference counting.
    @inlinable
    @inline(__always)
    package static var runningParker: Unmanaged<_Parker>? {
        // SAFETY: the greenlet that runs is alive.
        unsafe sy_running_parker().map { unsafe Unmanaged.fromOpaque($0) }
    }

    /// The greenlet whose stack the calling thread is on, in the job it belongs to; it need not be one that may park.
    @inline(__always)
    package static var parkerOfThread: Unmanaged<_Parker>? {
        let words = unsafe sy_thread_current()
        guard let parker = unsafe words.pointee.parker, unsafe words.pointee.task == sy_current_task()
        else { return nil }
        // SAFETY: the greenlet that runs is alive.
        return unsafe Unmanaged.fromOpaque(parker)
    }

    /// The calling thread is on a stack that is not its own: a fiber's, or a greenlet's.
    package static var isOnForeignStack: Bool {
        unsafe sy_thread_current().pointee.trampoline != sy_thread_own_trampoline()
    }

    /// Throws if a wait could never end here.
    @usableFromInline
    static func refuseIfNeeded() throws {
        if unsafe runningParker == nil, case .refused(let error) = current { throw error }
    }

    /// Looks at the calling thread. Only on the pending path of a wait.
    package static var current: WaitContext {
        if let node = _Trampoline.running { return .refused(WouldDeadlock(.observer(of: node._summary))) }
        let words = unsafe sy_thread_current()
        let task = unsafe sy_current_task()
        if let parker = unsafe words.pointee.parker {
            guard unsafe words.pointee.task == task else { return .refused(WouldDeadlock(.foreignTask)) }
            // SAFETY: the greenlet that runs is alive.
            return .greenlet(unsafe Unmanaged<_Parker>.fromOpaque(parker).takeUnretainedValue())
        }
        if unsafe task != nil { return .refused(WouldDeadlock(.task)) }
        if let loop = CurrentLoop.current { return .refused(WouldDeadlock(.loop(loop.name))) }
        return .thread
    }
}

/// Who runs on the calling thread: a greenlet, a task or the thread itself. Good for comparing while that one lives.
package enum ExecutionIdentity: Hashable, Sendable {
    case greenlet(UInt)
    case task(UInt)
    case thread(UInt64)

    package static var current: ExecutionIdentity {
        if let parker = unsafe WaitContext.parkerOfThread {
            return .greenlet(unsafe UInt(bitPattern: parker.toOpaque()))
        }
        if let task = unsafe sy_current_task() { return .task(UInt(bitPattern: task)) }
        return .thread(sy_thread_number())
    }
}
