// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
package import CStackSwitch
public import Futures
import Loops

/// A greenlet of any result: what its hub schedules, what `Greenlet.current` answers.
///
/// - Executor: A greenlet runs on the thread of its hub's loop for life. Its methods may be called from any thread.
@safe
public class AnyGreenlet: _Parker, @unchecked Sendable {  // SAFETY: one thread only, see below.
    // Everything that changes is touched on the hub's thread only, while the greenlet runs or by its hub.
    /// The hub that schedules this greenlet.
    package final var hub: Hub { unsafe hubReference.takeUnretainedValue() }
    // SAFETY: a greenlet that has not ended keeps its loop, and so its hub, alive (`Hub.startHere`); one that has ended
    // does not touch it any more.
    final let hubReference: Unmanaged<Hub>
    /// The hub's scheduler, without reference counting.
    final let scheduler: UnsafeMutablePointer<Scheduler>
    /// A name for dumps and diagnostics.
    public final let name: String
    /// A small number, unique in the process.
    public final let id: UInt64
    /// Where the greenlet was made; in debug builds.
    public final let origin: SourceSite?
    private final let stackSize: Int
    /// A Swift task hosts the stack, not the hub.
    final let isHosted: Bool
    /// Who spawned it.
    final let spawner: Spawner

    package enum State { case pending, started, dead }

    @exclusivity(unchecked) package final var state: State = .pending
    /// The greenlet has left its stack and is not scheduled.
    @exclusivity(unchecked) final var isParked = false
    /// An unpark came that no park has taken yet.
    @exclusivity(unchecked) final var hasUnpark = false
    /// The park in progress can be ended by an interruption or its deadline.
    @exclusivity(unchecked) final var isInterruptible = false
    /// A task hosts it, or somebody looks at when it leaves its stack and comes back: see `suspendHosted`.
    @exclusivity(unchecked) final var takesLongWay: Bool
    /// When it parked, by the loop's clock at the beginning of that turn: for dumps.
    @safe @exclusivity(unchecked) final var parkedAt = LoopInstant(nanoseconds: 0)
    /// What is known of its kills, and who looks at when it leaves its stack; nil for most.
    @safe @exclusivity(unchecked) final var notes: GreenletNotes?
    /// Numbers the parks with a deadline, so that a late timer does not end another one.
    @exclusivity(unchecked) final var parkNumber: UInt64 = 0
    /// The park in progress ends by itself.
    @exclusivity(unchecked) final var hasDeadline = false
    /// What is thrown at the next wait point.
    @exclusivity(unchecked) private final var interruptions = Interruptions()
    /// What a wait or a yield has to look at before it begins: one word, so that it is one look.
    @exclusivity(unchecked) final var attention = Attention()
    /// The innermost scope that forbids waits or switches; on the greenlet's own stack.
    @exclusivity(unchecked) final var trap: Unmanaged<SwitchTrap>?
    /// The deadline of the park in progress has come.
    @exclusivity(unchecked) private final var isTimedOut = false
    /// What the park in progress waits for: for dumps. Alive as long as the park.
    @exclusivity(unchecked) final var waitsFor: Unmanaged<_Node>?
    @exclusivity(unchecked) package final var context: UnsafeMutablePointer<sy_context>?
    /// The greenlet's own deliveries: a trampoline per thread would stall when an observer parks.
    @exclusivity(unchecked) private final var trampoline = unsafe sy_trampoline()
    /// Places in the hub's live list.
    @exclusivity(unchecked) final var nextLive: Unmanaged<AnyGreenlet>?
    @exclusivity(unchecked) final var previousLive: Unmanaged<AnyGreenlet>?
    @exclusivity(unchecked) final var isListed = false
    /// Greenlets of the same hub that wait for the end of this one, while it is listed.
    @exclusivity(unchecked) final var joiners = JoinerList()
    #if DEBUG
    /// How the task-local bindings stood when its stack was last entered.
    @exclusivity(unchecked) final var resumedAt: BindingMark?
    #endif
    /// What one that is made paused keeps until it is started.
    final let pause: Pause?
    /// The place in the list of another greenlet's joiners.
    @exclusivity(unchecked) final var nextJoiner: Unmanaged<AnyGreenlet>?
    /// Greenlet-local values and the context, if it uses any.
    @safe @exclusivity(unchecked) final var storage: GreenletStorage?

    @usableFromInline
    package init(
        hub: Unmanaged<Hub>,
        isHere: Bool = false,
        spawner: Spawner = .none,
        name: consuming String?,
        stackSize: Int,
        isHosted: Bool = false,
        pause: Pause? = nil,
        outcome: Unmanaged<_FutureCore>,
        fileID: StaticString,
        line: UInt
    ) {
        unsafe outcomeReference = unsafe outcome
        unsafe hubReference = unsafe hub
        unsafe scheduler = unsafe hub._withUnsafeGuaranteedRef { unsafe $0.scheduler }
        id = unsafe isHere ? scheduler.pointee.nextIdentifier() : Hub.nextIdentifiers()
        self.name = name ?? ""
        self.stackSize = stackSize
        self.isHosted = isHosted
        self.spawner = spawner
        unsafe takesLongWay = isHosted
        self.pause = pause
        #if DEBUG
        origin = SourceSite(fileID: fileID, line: line)
        #else
        origin = nil
        #endif
        super.init(_parker: ())
    }

    deinit {
        if unsafe trampoline.items != nil {
            unsafe withUnsafeMutablePointer(to: &trampoline) { unsafe sy_trampoline_destroy($0) }
        }
    }

    /// Schedules the greenlet, which is new.
    @usableFromInline
    package final func begin(isHere: Bool) {
        if isHere || isOnHub {
            unsafe hubReference._withUnsafeGuaranteedRef { $0.startHere(self) }
        } else {
            let request = StartRequest(self, hub)
            if !hub.send({ request.start() }) { request.refuse() }
        }
    }

    // MARK: State

    /// The greenlet has ended.
    public final var isDead: Bool { unsafe outcomeReference._withUnsafeGuaranteedRef { $0._isCompleted } }

    /// The future of the outcome, which the subclass owns.
    final let outcomeReference: Unmanaged<_FutureCore>

    /// The future of the outcome.
    package final var completion: _FutureCore { unsafe outcomeReference.takeUnretainedValue() }

    /// Calls back with the end, and its error; quietly, without taking over the duty to see that.
    func observeEnd(
        quietly: Bool = false,
        _ body: @escaping @Sendable ((any Error)?) -> Void
    ) -> Registration { .spent }

    /// Runs the body and completes the future.
    package func main() {}

    /// Ends the greenlet, whose body has not run.
    package func endUnstarted(_ error: any Error) {}

    /// Ends the greenlet, whose stack could not be unwound.
    package func endAbandoned(_ error: any Error) {}

    /// The same in a forked child that has neither its thread nor its task.
    func endInForkedChild(_ error: any Error) { endAbandoned(error) }

    /// `name`, or `greenlet-7`.
    public final var displayName: String { name.isEmpty ? "greenlet-\(id)" : name }

    /// Its name, and where it was spawned.
    override public final var _summary: String { "\(displayName)\(origin.map { " (spawned at \($0))" } ?? "")" }

    /// What one does that has started, is not parked and does not run: for dumps.
    var pauseWithoutPark: String { isOut ? "paused" : "ready" }

    // MARK: The stack

    /// On the hub's thread: makes the stack. Throws when there is no memory for it; a retry may work.
    package final func prepare() throws {
        let entry: sy_entry = { argument in
            // SAFETY: the live list's reference, which it gave up when the greenlet ended, or the host's; the entry returns, so
            // that nothing stays behind on the dead stack.
            let greenlet = unsafe Unmanaged<AnyGreenlet>.fromOpaque(argument!).takeRetainedValue()
            greenlet.run()
        }
        // SAFETY: whoever starts the greenlet holds the reference that the entry function gives up.
        let reference = unsafe Unmanaged.passUnretained(self)
        let carrier = unsafe hubReference._withUnsafeGuaranteedRef { unsafe $0.carrier }
        guard let made = unsafe sy_context_create(carrier!, stackSize, entry, reference.toOpaque()) else {
            let alive = hub.liveCount
            throw GreenletMisuse("no memory for the stack of \(displayName); \(alive) greenlets are alive")
        }
        unsafe context = made
        unsafe made.pointee.identifier = id
        unsafe withUnsafeMutablePointer(to: &trampoline) {
            unsafe sy_context_init_user_words(made, $0, reference.toOpaque())
        }
        if !name.isEmpty { unsafe made.pointee.name = UnsafePointer(sy_copy_string(name)) }
    }

    /// On the new stack.
    private final func run() {
        unsafe Hub.reap(scheduler)
        #if DEBUG
        didResume()
        #endif
        main()
        // While what ends with it may still use the greenlet.
        if storage != nil { endStorage() }
        unsafe state = .dead
        // Who holds the greenlet holds no limit of its own, which names it.
        if unsafe interruptions.hasLimits { unsafe interruptions = Interruptions() }
        guard let context = unsafe context else { return }
        if unsafe context.pointee.owner != nil { unsafe FiberHost.stackEnds(context) }
        // The words that name this object are gone before anything is released on this stack.
        unsafe sy_context_reset_user_words(context)
        unsafe self.context = nil
        unsafe leave(context)
    }

    @inline(never)
    private final func endStorage() {
        storage?.end()
        if storage?.context == nil { storage = nil }
    }

    /// The last act on the stack: says where control goes when the entry function has returned.
    package func leave(_ context: UnsafeMutablePointer<sy_context>) {
        unsafe hubReference._withUnsafeGuaranteedRef { unsafe $0.didEnd(self, on: context) }
    }

    // MARK: Parking

    override public final func _park(
        on source: Unmanaged<_FutureCore>?,
        until deadline: LoopInstant?
    ) -> _ParkResult {
        if unsafe !attention.isEmpty || hasUnpark {
            return unsafe endBeforePark(source.map { unsafe .fromOpaque($0.toOpaque()) })
        }
        var isWaitingForGreenlet = false
        if let source = unsafe source, deadline == nil {
            isWaitingForGreenlet = unsafe source._withUnsafeGuaranteedRef { $0._isProduced }
            if isWaitingForGreenlet, unsafe mayDeadlock(on: source), let deadlock = unsafe deadlock(on: source) {
                return .refused(deadlock)
            }
        }
        if isWaitingForGreenlet { unsafe scheduler.pointee.waitingForGreenlets += 1 }
        unsafe waitsFor = unsafe source.map { unsafe .fromOpaque($0.toOpaque()) }
        unsafe isInterruptible = true
        suspendInterruptibly(until: deadline)
        unsafe isInterruptible = false
        unsafe waitsFor = nil
        if isWaitingForGreenlet { unsafe scheduler.pointee.waitingForGreenlets -= 1 }
        return endOfPark()
    }

    override public final func _park(in line: Unmanaged<_Node>, until deadline: LoopInstant?) -> _ParkResult {
        if unsafe !attention.isEmpty || hasUnpark { return unsafe endBeforePark(line) }
        unsafe waitsFor = unsafe line
        unsafe isInterruptible = true
        suspendInterruptibly(until: deadline)
        unsafe isInterruptible = false
        unsafe waitsFor = nil
        return endOfPark()
    }

    /// A park that is over before it begins.
    private final func endBeforePark(_ source: Unmanaged<_Node>?) -> _ParkResult {
        if unsafe isInterrupted || hasUnpark { return endOfPark() }
        return .refused(unsafe refusal(of: source))
    }

    @inline(__always)
    private final func endOfPark() -> _ParkResult {
        let unparked = unsafe hasUnpark
        unsafe hasUnpark = false
        // What was waited for has come: the interruption keeps for the next wait, so that nothing is lost.
        if unparked { return .unparked }
        return takeInterruption().map { .interrupted($0) } ?? .timedOut
    }

    override public final func _postpone(_ error: any Error) {
        if unsafe interruptions.putBack(error) { noteThrownKill(isTakenBack: true) }
        isInterrupted = true
    }

    private final var isInterrupted: Bool {
        get { unsafe attention.contains(.interrupted) }
        set {
            if newValue { unsafe attention.insert(.interrupted) } else { unsafe attention.remove(.interrupted) }
        }
    }

    @inline(never)
    private final func takeInterruption() -> (any Error)? {
        guard isInterrupted else { return nil }
        let (error, isKill) = unsafe interruptions.take()
        isInterrupted = unsafe interruptions.isPending
        if isKill { noteThrownKill() }
        return error
    }

    @inline(__always)
    private final func suspendInterruptibly(until deadline: LoopInstant?) {
        if let deadline { return suspend(until: deadline) }
        suspend()
        // A limit that was withdrawn has woken for nothing.
        while unsafe !hasUnpark, !isInterrupted { suspend() }
    }

    private final func suspend(until deadline: LoopInstant) {
        unsafe parkNumber += 1
        unsafe hasDeadline = true
        defer { unsafe hasDeadline = false }
        let number = unsafe parkNumber
        unsafe isTimedOut = false
        let timer = unsafe hub.loop.schedule(at: deadline) { [self] in timeOut(park: number) }
        suspend()
        while unsafe !hasUnpark, !isInterrupted, unsafe !isTimedOut { suspend() }
        timer.cancel()
    }

    private final func timeOut(park number: UInt64) {
        guard unsafe number == parkNumber else { return }
        unsafe isTimedOut = true
        if unsafe isInterruptible, unsafe isParked { makeReady() }
    }

    override public final func _parkUninterruptibly() {
        while unsafe !hasUnpark { suspend() }
        unsafe hasUnpark = false
    }

    /// Leaves the stack until the hub, or the host task, comes back to it.
    ///
    /// Inlined, as all on the way of a switch: the processor guesses the returns of the stack that was left, and each
    /// frame between a wait and the switch is a wrong guess.
    @inline(__always)
    final func suspend() {
        guard unsafe !takesLongWay, let context = unsafe context else { return suspendHosted() }
        unsafe suspend(context)
    }

    @inline(__always)
    final func suspend(_ context: UnsafeMutablePointer<sy_context>) {
        #if DEBUG
        willLeave()
        defer { didResume() }
        #endif
        unsafe isParked = true
        unsafe parkedAt = scheduler.pointee.runStart
        unsafe Hub.switchAway(from: context, on: scheduler)
    }

    /// Lets the others run that are ready now.
    @inline(__always)
    final func yieldToOthers() {
        guard unsafe !takesLongWay, let context = unsafe context else { return yieldHosted() }
        unsafe yieldToOthers(context)
    }

    @inline(__always)
    final func yieldToOthers(_ context: UnsafeMutablePointer<sy_context>) {
        #if DEBUG
        willLeave()
        defer { didResume() }
        #endif
        unsafe scheduler.pointee.push(context)
        unsafe Hub.switchAway(from: context, on: scheduler)
    }

    /// The same where a task hosts the stack, or where somebody looks.
    func suspendHosted() { suspendWatched() }
    func yieldHosted() { yieldWatched() }

    /// Schedules a parked greenlet.
    package func makeReady() { makeReadyOnHub() }

    @inline(__always)
    private final func makeReadyOnHub() {
        unsafe isParked = false
        guard let context = unsafe context else { return }
        if unsafe !Hub.enqueue(context, on: scheduler) { hub.requestTurn() }
    }

    override public final func _unpark() {
        if isOnHub { unparkHere() } else if !hub.send({ [self] in unparkHere() }) { hub.unparkLate(self) }
    }

    override public final func _unparkNext() {
        guard isOnHub else { return _unpark() }
        unsafe scheduler.pointee.pushesFirst = true
        unparkHere()
        unsafe scheduler.pointee.pushesFirst = false
    }

    @inline(__always)
    final var isOnHub: Bool { unsafe scheduler.pointee.isCurrent ?? hub.isCurrent }

    @inline(__always)
    final func unparkHere() {
        unsafe hasUnpark = true
        guard unsafe isParked else { return }
        if isHosted { makeReady() } else { makeReadyOnHub() }
    }

    /// Somebody else is about to resume the greenlet, and a kill does not.
    package var isAboutToBeResumed: Bool { unsafe isParked && !isInterruptible }

    override public final func _letOthersRun() {
        if unsafe attention.contains(.forbidsSwitches) { leaveOutSwitch() } else { yieldToOthers() }
    }

    override public final func _wakingNext(_ body: () -> Void) {
        unsafe scheduler.pointee.pushesFirst = true
        body()
        unsafe scheduler.pointee.pushesFirst = false
    }

    override public final var _clock: any Loop { unsafe hub.loop }

    // MARK: Ending

    /// Ends the greenlet: the error is thrown at its wait point, now or when it next waits.
    ///
    /// A greenlet that has not started never does. A repeated kill, and one of a dead greenlet, is harmless. The greenlet
    /// may catch the error and go on; then its own outcome stands, and the kill is forgotten (gevent: Greenlet.kill).
    ///
    /// - Executor: Any thread; takes effect on the hub's, in a later step. See ``join(timeout:)`` to wait for the end.
    /// - Parameter error: What is thrown. A greenlet that ends by `GreenletExit` is cancelled; by another error, failed.
    public final func kill(_ error: any Error = GreenletExit()) {
        if isDead { return }
        // From here on the greenlet may end and its loop go: a greenlet that has not ended keeps its hub (the live list, or
        // the request to start it), so what is reached through the scheduler is that hub, or finds the greenlet dead.
        unsafe scheduler.pointee.act { [self] in
            noteKill()
            interrupt(error)
        }
    }

    override public final func _parkerCancelled() { kill() }

    /// On the hub's thread.
    package final func interrupt(_ error: any Error) {
        switch unsafe state {
        case .dead: return
        case .pending:
            endUnstarted(error)
            // Out of the queue, it is not met there by who takes it off the list of the living.
            if isOut {
                unsafe attention.remove(.out)
                hub.remove(self)
            }
        case .started:
            unsafe interruptions.add(error)
            deliverInterruption()
        }
    }

    /// On the hub's thread, for one that has no stack yet: the error comes at its first wait point.
    final func interruptAtFirstWait(_ error: any Error) {
        unsafe interruptions.add(error)
        isInterrupted = true
    }

    private final func deliverInterruption() {
        isInterrupted = true
        if isOut { putBack() } else if unsafe isParked, unsafe isInterruptible { makeReady() }
    }

    /// On the hub's thread: a limit has run out.
    final func expire(_ timeout: Timeout) {
        guard unsafe state == .started else { return }
        unsafe interruptions.add(timeout)
        deliverInterruption()
    }

    /// The same from any thread.
    final func expireSoon(_ timeout: Timeout) {
        if !isDead { unsafe scheduler.pointee.act { [self] in expire(timeout) } }
    }

    /// A limit's scope has ended.
    final func forget(_ timeout: Timeout) {
        if isOnHub { return withdraw(timeout) }
        if !isDead { unsafe scheduler.pointee.act { [self] in withdraw(timeout) } }
    }

    private final func withdraw(_ timeout: Timeout) {
        unsafe interruptions.withdraw(timeout)
        isInterrupted = unsafe interruptions.isPending
    }

    /// For who waits for nothing in particular.
    @inline(__always)
    final func throwIfInterrupted() throws { if unsafe !attention.isEmpty { try throwInterruption() } }

    /// Or because it may not switch.
    @inline(never)
    private final func throwInterruption() throws {
        if let error = takeInterruption() { throw error }
        if unsafe attention.contains(.forbidsSwitches) { throw refusalOfSwitch("would have let others run") }
    }

    /// The loop that the greenlet runs on.
    public final var loop: any Loop { unsafe hub.loop }

    /// Waits until the greenlet has ended, however it does.
    ///
    /// - Errors: `TimedOut`; what `wait()` throws where waiting is refused; a kill of the caller. Never the body's
    ///   error: use `wait()` for the outcome.
    @available(*, noasync, message: "use `await greenlet.value`, or Greenlet.run")
    public final func join(timeout: Duration? = nil) throws {
        if timeout == nil, let parker = unsafe WaitContext.runningParker, try unsafe joinHere(parker) { return }
        try unsafe outcomeReference._withUnsafeGuaranteedRef { try $0._waitUntilDone(timeout: timeout) }
    }

    /// Waits if the joiner is a greenlet of the same hub: a list that only their thread touches does then, instead of an
    /// observer.
    ///
    /// - Returns: False if it is not.
    @inline(__always)
    private final func joinHere(_ parker: Unmanaged<_Parker>) throws -> Bool {
        // SAFETY: only greenlets park, and the one that runs is alive.
        let joiner = unsafe Unmanaged<AnyGreenlet>.fromOpaque(parker.toOpaque())
        let isNeighbour = unsafe joiner._withUnsafeGuaranteedRef { unsafe $0.scheduler == scheduler }
        guard isNeighbour, unsafe isListed else { return false }
        if isDead { return true }
        unsafe joiners.append(joiner)
        switch unsafe joiner._withUnsafeGuaranteedRef({ unsafe $0._park(on: outcomeReference, until: nil) }) {
        case .unparked, .timedOut: return true
        case .refused(let error), .interrupted(let error):
            unsafe joiners.remove(joiner)
            throw error
        }
    }
}

/// A greenlet on its way to its loop. Should the loop go without having run it, it ends with `LoopClosed`.
// SAFETY: used by one party after the other: the loop that runs it, or whoever drops it.
private final class StartRequest: @unchecked Sendable {
    private let hub: Hub
    private var greenlet: AnyGreenlet?
    private let forkCount = ProcessForks.count

    init(_ greenlet: AnyGreenlet, _ hub: Hub) {
        self.greenlet = greenlet
        self.hub = hub
    }

    func start() {
        guard let greenlet else { return }
        self.greenlet = nil
        hub.startHere(greenlet)
    }

    func refuse() {
        guard let greenlet else { return }
        self.greenlet = nil
        greenlet.endUnstarted(hub.refusal(of: greenlet))
    }

    deinit {
        guard let greenlet else { return }
        let isParents = forkCount != ProcessForks.count
        // Nothing that begins in a `deinit` runs observers on its stack.
        Drain.shared.post { [hub] in
            greenlet.endUnstarted(isParents ? hub.forkedError(greenlet) : hub.closedError(greenlet))
        }
    }
}
