// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import CFutures

/// An instant of a loop's clock: monotonic nanoseconds since an origin of the loop's own.
public struct LoopInstant: InstantProtocol, Sendable, CustomStringConvertible {
    /// Nanoseconds since the loop's origin.
    public var nanoseconds: Int64

    /// Makes an instant.
    @inlinable
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// The instant of the system's monotonic clock, which real loops use.
    @inlinable
    public static var now: LoopInstant { LoopInstant(nanoseconds: sy_monotonic_nanoseconds()) }

    /// No instant comes after this one.
    public static let distantFuture = LoopInstant(nanoseconds: .max)

    /// The instant a duration later; instants too far away to express are `distantFuture`.
    @inlinable
    public func advanced(by duration: Duration) -> LoopInstant {
        let step = duration._nanoseconds
        // A duration at its limit may have been a longer one.
        if step == .max || step == .min { return LoopInstant(nanoseconds: step) }
        let (sum, overflow) = nanoseconds.addingReportingOverflow(step)
        return LoopInstant(nanoseconds: overflow ? (step < 0 ? .min : .max) : sum)
    }

    /// The time from this instant to another.
    @inlinable
    public func duration(to other: LoopInstant) -> Duration {
        .nanoseconds(other.nanoseconds) - .nanoseconds(nanoseconds)
    }

    /// Earlier instants come first.
    @inlinable
    public static func < (a: LoopInstant, b: LoopInstant) -> Bool { a.nanoseconds < b.nanoseconds }

    /// Seconds since the loop's origin.
    public var description: String { "\(Double(nanoseconds) / 1e9) s" }
}

extension Duration {
    /// Whole nanoseconds, limited to what 64 bits hold (292 years).
    @inlinable package var _nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, overflows) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflows ? (seconds < 0 ? .min : .max) : sum
    }
}

/// Where a callback is to run.
public protocol CallbackExecutor: Sendable {
    /// Runs the work later, never before this method has returned; first come, first served for each caller.
    func post(_ work: @escaping @Sendable () -> Void)

    /// The same, and tells the caller when the work will never run. The default accepts everything.
    ///
    /// - Returns: False if the executor has stopped: the work was refused.
    func tryPost(_ work: @escaping @Sendable () -> Void) -> Bool

    /// What to call the executor in an error. The default is a loop's name, others' type.
    var _diagnosticName: String { get }
}

extension CallbackExecutor {
    /// The default, for executors that never stop.
    public func tryPost(_ work: @escaping @Sendable () -> Void) -> Bool {
        post(work)
        return true
    }

    /// The name of the type.
    public var _diagnosticName: String { "\(Self.self)" }
}

/// What the rest of Switchyard needs of an event loop: posting, timers, identity.
///
/// `IOLoop` and `VirtualLoop` conform; hubs, timeouts, queues and bridges use only this.
public protocol Loop: AnyObject, CallbackExecutor {
    /// A name for diagnostics.
    var name: String { get }

    /// The loop's clock.
    var now: LoopInstant { get }

    /// Whether the calling thread is running this loop.
    var isCurrent: Bool { get }

    /// Runs the work on the loop, in a later turn. Thread-safe. FIFO for each thread that posts.
    ///
    /// - Executor: The loop.
    /// - Errors: After the loop has stopped the work is dropped in silence, never run; see `tryPost` and `whenClosed`.
    func post(_ work: @escaping @Sendable () -> Void)

    /// Runs the work on the loop at an instant, or in the next turn if that has passed. FIFO for equal deadlines.
    ///
    /// - Cancellation: Through the result. Legal from any thread, also after the timer fired.
    /// - Errors: When the loop has stopped, or stops before the instant, the work is dropped in silence, never run; see
    ///   `whenClosed`.
    func schedule(at deadline: LoopInstant, _ work: @escaping @Sendable () -> Void) -> LoopTimer

    /// Registers what has to be failed when the loop stops. Called at once if it has stopped.
    ///
    /// - Returns: A handle to remove it with.
    func whenClosed(_ action: @escaping @Sendable () -> Void) -> LoopTimer

    /// Posts to the loop: for what the loop itself holds, which must not keep it alive. The default is the loop.
    var _poster: any CallbackExecutor { get }
}

extension Loop {
    /// The loop's name.
    public var _diagnosticName: String { name }

    /// The loop itself, which then lives until what it holds has ended.
    public var _poster: any CallbackExecutor { self }

    /// Runs the work on the loop after a delay.
    public func schedule(after delay: Duration, _ work: @escaping @Sendable () -> Void) -> LoopTimer {
        schedule(at: now.advanced(by: delay), work)
    }
}

/// A scheduled call that can be taken back.
public struct LoopTimer: Sendable {
    private let cancellation: @Sendable () -> Bool

    /// Makes a timer handle; for loops.
    ///
    /// - Parameter cancel: Takes the call back; true if it will not run. Legal at any time, from any thread.
    public init(cancel: @escaping @Sendable () -> Bool) { cancellation = cancel }

    /// A handle of something that cannot be taken back any more.
    public static let spent = LoopTimer { false }

    /// Takes the call back.
    ///
    /// - Returns: True if it will not run; false if it has run, is running, or was cancelled before.
    @discardableResult
    public func cancel() -> Bool { cancellation() }
}

/// The loops of this thread and of this process.
public enum CurrentLoop {
    /// The loop the calling thread is running, if any.
    public static var current: (any Loop)? {
        guard let box = unsafe sy_thread_current().pointee.loop else { return nil }
        // SAFETY: `enter` keeps the box alive until `leave`.
        return unsafe Unmanaged<LoopBox>.fromOpaque(box).takeUnretainedValue().loop
    }

    /// The loop for timers of code that runs on none: the process-wide background thread.
    package static var currentOrBackground: any Loop { current ?? Drain.shared }
}

/// A loop's place in a thread's words. Loops keep one and enter it while they run.
public final class LoopBox: @unchecked Sendable {  // SAFETY: immutable.
    // The loop owns its box and is alive while a thread runs it, which is when the box is looked at. A weak reference
    // would put every retain of the loop on the slow path.
    private unowned(unsafe) let owner: any Loop

    /// Makes the box of a loop, which must own it.
    public init(_ loop: any Loop) { unsafe owner = loop }

    var loop: (any Loop)? { unsafe owner }

    /// Whether the calling thread is running this loop.
    @inlinable
    public var isCurrent: Bool {
        // SAFETY: identity only.
        unsafe sy_thread_current().pointee.loop == Unmanaged.passUnretained(self).toOpaque()
    }

    /// Runs `body` with the loop current on the calling thread.
    public func enter<R>(_ body: () throws -> R) rethrows -> R {
        let thread = unsafe sy_thread_current()
        let outer = unsafe thread.pointee.loop
        // SAFETY: `self` outlives the body.
        unsafe thread.pointee.loop = Unmanaged.passUnretained(self).toOpaque()
        defer { unsafe sy_thread_current().pointee.loop = outer }
        return try body()
    }
}
