// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
package import CStackSwitch
public import Futures

/// A greenlet of any result: what its hub schedules, what `Greenlet.current` answers.
///
/// - Executor: A greenlet runs on the thread of its hub's loop for life. Its methods may be called from any thread.
@safe
public class AnyGreenlet: _Parker, @unchecked Sendable {
    // SAFETY: everything that changes is touched on the hub's thread only, while the greenlet runs or by its hub.

    /// The hub that schedules this greenlet.
    package final let hub: Hub
    /// A name for dumps and diagnostics.
    public final let name: String
    /// A small number, unique in the process.
    public final let id: UInt64
    /// Where the greenlet was made.
    public final let origin: SourceSite?

    package enum State { case pending, ready, running, parked, dead }

    @safe @exclusivity(unchecked) package final var state: State = .pending
    /// An unpark came while the greenlet was not parked.
    @safe @exclusivity(unchecked) package final var hasUnpark = false
    /// The park in progress can be ended by an interruption.
    @safe @exclusivity(unchecked) package final var isInterruptible = false
    /// The park in progress ended by its deadline.
    @safe @exclusivity(unchecked) package final var hasTimedOut = false
    /// Numbers the parks, so that a late timer does not end another one.
    @safe @exclusivity(unchecked) package final var parkNumber: UInt64 = 0
    /// What a kill or cancellation delivers at the next wait point.
    @safe @exclusivity(unchecked) package final var interruption: (any Error)?
    /// What the park in progress waits for, and since when: for dumps.
    @safe @exclusivity(unchecked) package final var waitsFor: _FutureCore?
    @safe @exclusivity(unchecked) package final var context: UnsafeMutablePointer<sy_context>?
    /// The greenlet's own deliveries: a trampoline per thread would stall when an observer parks.
    @safe @exclusivity(unchecked) private final var trampoline = unsafe sy_trampoline()
    private final let stackSize: Int
    /// Places in the hub's live list.
    @safe @exclusivity(unchecked) package final var nextLive: AnyGreenlet?
    @safe @exclusivity(unchecked) package final unowned(unsafe) var previousLive: AnyGreenlet?
    @safe @exclusivity(unchecked) package final var isListed = false

    package init(hub: Hub, name: String?, stackSize: Int, origin: SourceSite?) {
        self.hub = hub
        id = Hub.nextIdentifier()
        self.name = name ?? ""
        self.stackSize = stackSize
        self.origin = origin
        super.init(_parker: ())
    }

    deinit {
        unsafe withUnsafeMutablePointer(to: &trampoline) { unsafe sy_trampoline_destroy($0) }
    }

    // MARK: State

    /// The greenlet has ended.
    public final var isDead: Bool { completion._isCompleted }

    /// The future of the outcome.
    package var completion: _FutureCore { fatalError("abstract") }

    /// Runs the body and completes the future.
    package func main() {}

    /// Ends the greenlet, whose body has not run.
    package func endUnstarted(_ error: any Error) {}

    /// Ends the greenlet, whose stack could not be unwound.
    package func endAbandoned(_ error: any Error) {}

    /// `name`, or `greenlet-7`.
    public final var displayName: String { name.isEmpty ? "greenlet-\(id)" : name }

    // MARK: The stack

    /// On the hub's thread: makes the stack. Throws when there is no memory for it; a retry may work.
    package final func prepare() throws {
        let entry: sy_entry = { argument in
            // SAFETY: retained by `prepare`; the entry returns, so that nothing stays behind on the dead stack.
            let greenlet = unsafe Unmanaged<AnyGreenlet>.fromOpaque(argument!).takeRetainedValue()
            greenlet.run()
        }
        let reference = unsafe Unmanaged.passRetained(self)
        guard let made = unsafe sy_context_create(hub.carrier, stackSize, entry, reference.toOpaque()) else {
            unsafe reference.release()
            throw GreenletMisuse("no memory for the stack of \(displayName); \(hub.liveCount) greenlets are alive")
        }
        unsafe context = made
        unsafe made.pointee.identifier = id
        unsafe sy_context_set_user_word(made, 1, Unmanaged.passUnretained(self).toOpaque())
        unsafe withUnsafeMutablePointer(to: &trampoline) { unsafe sy_context_set_user_word(made, 0, $0) }
        if !name.isEmpty { unsafe made.pointee.name = UnsafePointer(sy_copy_string(name)) }
    }

    /// On the new stack.
    private final func run() {
        hub.reap()
        main()
        state = .dead
        guard let context = context else { return }
        // The words that name this object are gone before anything is released on this stack.
        unsafe sy_context_set_user_word(context, 1, nil)
        unsafe sy_context_set_user_word(context, 0, sy_thread_own_trampoline())
        self.context = nil
        unsafe leave(context)
    }

    /// The last act on the stack: says where control goes when the entry function has returned.
    package func leave(_ context: UnsafeMutablePointer<sy_context>) { unsafe hub.didEnd(self, on: context) }

    // MARK: Parking

    override public final func _park(on source: _FutureCore?, until deadline: LoopInstant?) -> _ParkResult {
        if let error = interruption {
            interruption = nil
            return .interrupted(error, unparked: takeUnpark())
        }
        if takeUnpark() { return .unparked }
        parkNumber += 1
        hasTimedOut = false
        isInterruptible = true
        waitsFor = source
        let timer = deadline.map { armTimer(at: $0) }
        suspend()
        isInterruptible = false
        waitsFor = nil
        if let timer, !hasTimedOut { timer.cancel() }
        if let error = interruption {
            interruption = nil
            return .interrupted(error, unparked: takeUnpark())
        }
        return takeUnpark() ? .unparked : .timedOut
    }

    override public final func _parkUninterruptibly() {
        while !takeUnpark() { suspend() }
    }

    private final func takeUnpark() -> Bool {
        defer { hasUnpark = false }
        return hasUnpark
    }

    private final func armTimer(at deadline: LoopInstant) -> LoopTimer {
        let number = parkNumber
        return hub.loop.schedule(at: deadline) { [unowned(safe) self] in timeOut(park: number) }
    }

    private final func timeOut(park number: UInt64) {
        guard number == parkNumber, isInterruptible, state == .parked else { return }
        hasTimedOut = true
        makeReady()
    }

    /// Leaves the stack until the hub, or the host task, comes back to it.
    package func suspend() {
        state = .parked
        hub.switchAway(from: self)
    }

    /// Lets the others run that are ready now.
    package func yieldToOthers() {
        state = .ready
        hub.enqueue(self)
        hub.switchAway(from: self)
    }

    override public final func _unpark() {
        if hub.isCurrent { unparkHere() } else { hub.send { [self] in unparkHere() } }
    }

    private final func unparkHere() {
        hasUnpark = true
        if state == .parked { makeReady() }
    }

    /// Schedules a parked greenlet.
    package func makeReady() {
        state = .ready
        hub.enqueue(self)
    }

    override public final var _clock: any Loop { hub.loop }

    // MARK: Ending

    /// Ends the greenlet: the error is thrown at its wait point, now or when it next waits.
    ///
    /// A greenlet that has not started never does. A repeated kill, and one of a dead greenlet, is harmless. The greenlet
    /// may catch the error and go on; then its own outcome stands, and the kill is forgotten (gevent: Greenlet.kill).
    ///
    /// - Executor: Any thread; takes effect on the hub's, in a later step. See ``join(timeout:)`` to wait for the end.
    /// - Parameter error: What is thrown. A greenlet that ends by `GreenletExit` is cancelled; by another error, failed.
    public final func kill(_ error: any Error = GreenletExit()) {
        if hub.isCurrent { interrupt(error) } else { hub.send { [self] in interrupt(error) } }
    }

    /// On the hub's thread.
    package final func interrupt(_ error: any Error) {
        switch state {
        case .dead: return
        case .pending: endUnstarted(error)
        case .ready, .running: interruption = error
        case .parked:
            interruption = error
            if isInterruptible { makeReady() }
        }
    }

    /// Waits until the greenlet has ended, however it does.
    ///
    /// - Errors: ``TimedOut``; what `wait()` throws where waiting is refused; a kill of the caller. Never the body's
    ///   error: use `wait()` for the outcome.
    @available(*, noasync, message: "use `await greenlet.value`, or Greenlet.run")
    public final func join(timeout: Duration? = nil) throws {
        try completion._waitUntilDone(timeout: timeout)
    }

    /// A line for dumps: what the greenlet does, and what it waits for.
    package final var dumpLine: String {
        "\(_summary): \(state)\(waitsFor.map { ", waits for \($0._summary)" } ?? "")"
    }

    /// Its name, and where it was spawned.
    override public final var _summary: String { "\(displayName)\(origin.map { " (spawned at \($0))" } ?? "")" }
}
