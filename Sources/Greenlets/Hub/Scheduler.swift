// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
package import CStackSwitch
import Futures
import Synchronization

/// The part of a hub that every switch touches, in memory of its own: reaching it needs no reference counting, and no
/// exclusive access can be open while a stack is switched.
///
/// This memory is never given back, only to the next hub: who holds a greenlet that has ended may still look at it, from any
/// thread, and must find either a hub or none.
///
/// The ready queue holds stacks to resume and, tagged, greenlets that have no stack yet.
@safe
package struct Scheduler: ~Copyable {
    /// One place in the ready queue: a suspended stack, or a greenlet to start.
    private typealias Entry = UInt
    private static var isGreenlet: Entry { 1 }

    private static var identifiersAtOnce: UInt64 { 32 }
    private var identifier: UInt64 = 0
    private var endOfIdentifiers: UInt64 = 0

    private var entries: UnsafeMutablePointer<Entry>
    private var head = 0
    private var count = 0
    private var mask = 63
    /// How often something may still be resumed before the loop has its turn.
    package var share: Int {
        get { shareLeft.load(ordering: .relaxed) }
        set { shareLeft.store(newValue, ordering: .relaxed) }
    }
    private let shareLeft = Atomic<Int>(0)
    /// Numbers the times that greenlets run without the loop; odd meanwhile. See ``Stretch``.
    private let runs = Atomic<UInt>(0)
    /// The greenlet that runs may hold the thread as long as it likes.
    let isExempt = Atomic<Bool>(false)
    /// When the run in progress began, or the last one, by the loop's clock.
    private(set) var runStart = LoopInstant(nanoseconds: 0)
    /// The hub's thread; zero if it has none.
    let carrierAddress = Atomic<UInt>(0)
    /// The hub runs its step of the loop's turn; whoever becomes ready is seen to.
    package var isInTurn = false
    /// Whoever becomes ready runs next.
    package var pushesFirst = false
    /// The loop's own stack.
    package var root: UnsafeMutablePointer<sy_context>!
    /// Whose scheduler it is.
    package private(set) var hub: Unmanaged<Hub>
    /// How many greenlets are parked, with nothing to end it, on something that a greenlet produces: a circle of waits
    /// can only be closed when there are some.
    package var waitingForGreenlets = 0
    /// A stack that has ended, and is given back by whoever runs next.
    package var finished: UnsafeMutablePointer<sy_context>?
    /// The box of the hub's loop, by which a thread knows that it runs it.
    private let loopBox = Atomic<UInt>(0)
    /// How those reach the hub who do not keep it; nil while there is none.
    private let door = Lock<Door?>(nil)

    private static let unused = unsafe Lock<[UnsafeMutablePointer<Scheduler>]>([])
    private static let known = unsafe Lock<[UnsafeMutablePointer<Scheduler>]>([])

    private init(hub: Unmanaged<Hub>) {
        unsafe entries = .allocate(capacity: 64)
        unsafe self.hub = unsafe hub
    }

    /// Memory for a new hub's scheduler, and whether it has been another's.
    static func reserve() -> (memory: UnsafeMutablePointer<Scheduler>, isReused: Bool) {
        // SAFETY: whoever takes it out of the list is the only one to have it.
        nonisolated(unsafe) var reused: UnsafeMutablePointer<Scheduler>?
        unsafe unused.withLock { unsafe reused = $0.popLast() }
        if let reused = unsafe reused { return unsafe (reused, true) }
        return (.allocate(capacity: 1), false)
    }

    /// From now on it is this hub's.
    static func open(
        _ reserved: (memory: UnsafeMutablePointer<Scheduler>, isReused: Bool),
        hub: Unmanaged<Hub>,
        door: Door
    ) {
        let memory = unsafe reserved.memory
        if unsafe reserved.isReused {
            unsafe memory.pointee.hub = unsafe hub
            unsafe memory.pointee.entries = .allocate(capacity: 64)
        } else {
            unsafe memory.initialize(to: Scheduler(hub: hub))
            // SAFETY: never freed.
            nonisolated(unsafe) let memory = unsafe memory
            unsafe known.withLock { unsafe $0.append(memory) }
        }
        unsafe memory.pointee.door.withLock { $0 = door }
    }

    /// The hub has ended, and nothing is scheduled any more.
    package static func retire(_ scheduler: UnsafeMutablePointer<Scheduler>) {
        let door = unsafe scheduler.pointee.door.withLock { door in
            defer { door = nil }
            return door
        }
        unsafe scheduler.pointee.loopBox.store(0, ordering: .relaxed)
        unsafe scheduler.pointee.carrierAddress.store(0, ordering: .relaxed)
        unsafe scheduler.pointee.isExempt.store(false, ordering: .relaxed)
        unsafe scheduler.pointee.endRun()
        unsafe scheduler.pointee.entries.deallocate()
        unsafe scheduler.pointee.head = 0
        unsafe scheduler.pointee.count = 0
        unsafe scheduler.pointee.mask = 63
        unsafe scheduler.pointee.share = 0
        unsafe scheduler.pointee.isInTurn = false
        unsafe scheduler.pointee.root = nil
        unsafe scheduler.pointee.waitingForGreenlets = 0
        unsafe scheduler.pointee.finished = nil
        // SAFETY: handed over.
        nonisolated(unsafe) let scheduler = unsafe scheduler
        unsafe unused.withLock { unsafe $0.append(scheduler) }
        _ = consume door
    }

    /// Has the hub act: now if the caller is on its thread, later otherwise, never when it has ended. From any thread.
    package func act(_ action: @escaping @Sendable () -> Void) {
        guard let door = door.withLock({ $0 }) else { return }
        if door.isHere { action() } else { _ = door.poster?.tryPost(action) }
    }

    /// How others reach the hub, nil if it has ended. From any thread.
    var openDoor: Door? { door.withLock { $0 } }

    /// The memory of all hubs that there are, in the order in which it was first used, and of some that have ended.
    static var everyone: [UnsafeMutablePointer<Scheduler>] {
        // SAFETY: never freed.
        nonisolated(unsafe) var all: [UnsafeMutablePointer<Scheduler>] = unsafe []
        unsafe known.withLock { unsafe all = $0 }
        return unsafe all
    }

    /// What other threads see of the greenlet that runs: the same as before if no other one has run meanwhile.
    struct Stretch: Equatable {
        fileprivate let run: UInt
        fileprivate let share: Int
    }

    /// The stretch in progress; nil while no greenlet runs, or one that may hold the thread. From any thread.
    var stretch: Stretch? {
        let run = runs.load(ordering: .relaxed)
        if run & 1 == 0 || isExempt.load(ordering: .relaxed) { return nil }
        return Stretch(run: run, share: share)
    }

    /// Whether a greenlet runs. From any thread.
    var isRunning: Bool { runs.load(ordering: .relaxed) & 1 != 0 }

    /// On the hub's thread: from now on greenlets run.
    mutating func beginRun(at instant: LoopInstant) {
        runStart = instant
        runs.store((runs.load(ordering: .relaxed) | 1) &+ 2, ordering: .relaxed)
    }

    /// On the hub's thread: none does any more.
    func endRun() { runs.store(runs.load(ordering: .relaxed) & ~1, ordering: .relaxed) }

    /// Whether the calling thread runs the hub's loop; nil before the hub has run. From any thread.
    package var isCurrent: Bool? {
        let box = loopBox.load(ordering: .relaxed)
        return box == 0 ? nil : unsafe UInt(bitPattern: sy_thread_current().pointee.loop) == box
    }

    /// On the loop's thread: remembers how it is recognised.
    package func rememberThread() {
        unsafe loopBox.store(UInt(bitPattern: sy_thread_current().pointee.loop), ordering: .relaxed)
    }

    /// The loop's place among a thread's words; nil before the hub has run. On the loop's thread, while the loop is kept.
    var box: LoopBox? {
        // SAFETY: the loop owns it.
        unsafe UnsafeRawPointer(bitPattern: loopBox.load(ordering: .relaxed)).map {
            unsafe Unmanaged<LoopBox>.fromOpaque($0).takeUnretainedValue()
        }
    }

    package var isEmpty: Bool { count == 0 }

    /// On the hub's thread: a number for a new greenlet, from a block of the hub's own.
    package mutating func nextIdentifier() -> UInt64 {
        if identifier == endOfIdentifiers {
            endOfIdentifiers = Hub.nextIdentifiers(Self.identifiersAtOnce) + Self.identifiersAtOnce
            identifier = endOfIdentifiers - Self.identifiersAtOnce
        }
        defer { identifier += 1 }
        return identifier
    }

    package mutating func push(_ context: UnsafeMutablePointer<sy_context>) {
        push(entry: Entry(bitPattern: context))
    }

    package mutating func push(starting greenlet: AnyGreenlet) {
        // SAFETY: a greenlet in this queue is in the hub's live list, which owns it.
        push(entry: unsafe Entry(bitPattern: Unmanaged.passUnretained(greenlet).toOpaque()) | Self.isGreenlet)
    }

    private mutating func push(entry: Entry) {
        if count > mask { grow() }
        count += 1
        if pushesFirst {
            head = (head - 1) & mask
            unsafe entries[head] = entry
        } else {
            unsafe entries[(head + count - 1) & mask] = entry
        }
    }

    @safe
    package enum Next {
        case resume(UnsafeMutablePointer<sy_context>)
        case start(Unmanaged<AnyGreenlet>)
        case none
    }

    /// Takes the next one, if there is one and the share is not used up.
    @inline(__always)
    package mutating func next() -> Next {
        if count == 0 || share == 0 { return .none }
        share -= 1
        let entry = unsafe entries[head]
        head = (head + 1) & mask
        count -= 1
        if entry & Self.isGreenlet == 0 { return unsafe .resume(UnsafeMutablePointer(bitPattern: entry)!) }
        // SAFETY: see `push(starting:)`.
        return unsafe .start(
            Unmanaged<AnyGreenlet>.fromOpaque(UnsafeRawPointer(bitPattern: entry & ~Self.isGreenlet)!)
        )
    }

    // MARK: The order of the queue, for tasklets

    /// How many are ready.
    package var readyCount: Int { count }

    /// How many come before a greenlet; nil if it is not ready. O(n).
    package func position(of greenlet: AnyGreenlet) -> Int? {
        let entry: Entry
        // SAFETY: compared only.
        if unsafe greenlet.state == .pending {
            entry = unsafe Entry(bitPattern: Unmanaged.passUnretained(greenlet).toOpaque()) | Self.isGreenlet
        } else {
            guard let context = unsafe greenlet.context else { return nil }
            entry = Entry(bitPattern: context)
        }
        return (0..<count).first { unsafe entries[(head + $0) & mask] == entry }
    }

    /// Takes out who comes after so many. O(n).
    package mutating func remove(at position: Int) {
        for later in position..<count - 1 {
            unsafe entries[(head + later) & mask] = entries[(head + later + 1) & mask]
        }
        count -= 1
    }

    /// Puts the first so many behind the others. O(n).
    package mutating func rotate(by number: Int) {
        for _ in 0..<number {
            let entry = unsafe entries[head]
            head = (head + 1) & mask
            unsafe entries[(head + count - 1) & mask] = entry
        }
    }

    /// Forgets whoever is ready.
    package mutating func removeAll() {
        head = 0
        count = 0
    }

    /// The stacks belong to a thread that this process does not have; it may have been switching between them.
    mutating func forgetStacks() {
        removeAll()
        share = 0
        isInTurn = false
        pushesFirst = false
        waitingForGreenlets = 0
        unsafe finished = nil
        endRun()
    }

    private mutating func grow() {
        let capacity = (mask + 1) * 2
        let bigger = UnsafeMutablePointer<Entry>.allocate(capacity: capacity)
        for index in 0..<count { unsafe bigger[index] = entries[(head + index) & mask] }
        unsafe entries.deallocate()
        unsafe entries = bigger
        head = 0
        mask = capacity - 1
    }
}

/// The way to a hub for those who do not keep it: holds neither the hub nor its loop.
struct Door: Sendable {
    let loop: ObjectIdentifier
    let name: String
    /// A loop that is its own poster is not kept by it.
    private let ownPoster: (any CallbackExecutor)?
    private weak var foreignLoop: (any Loop)?

    init(to loop: any Loop) {
        self.loop = ObjectIdentifier(loop)
        name = loop.name
        let poster = loop._poster
        let isForeign = poster as? any Loop === loop
        ownPoster = isForeign ? nil : poster
        foreignLoop = isForeign ? loop : nil
    }

    /// Whether the calling thread runs the hub's loop.
    var isHere: Bool {
        (poster as? any Loop)?.isCurrent ?? CurrentLoop.current.map { ObjectIdentifier($0) == loop } ?? false
    }

    var poster: (any CallbackExecutor)? { ownPoster ?? foreignLoop }
}
