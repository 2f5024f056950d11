// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
package import CStackSwitch
import Synchronization

/// The part of a hub that every switch touches, in memory of its own: reaching it needs no reference counting, and no
/// exclusive access can be open while a stack is switched.
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
    package var share = 0
    /// The hub runs its step of the loop's turn; whoever becomes ready is seen to.
    package var isInTurn = false
    /// The loop's own stack.
    package var root: UnsafeMutablePointer<sy_context>!
    /// Whose scheduler it is.
    package let hub: Unmanaged<Hub>
    /// How many greenlets are parked, with nothing to end it, on something that a greenlet produces: a circle of waits
    /// can only be closed when there are some.
    package var waitingForGreenlets = 0
    /// A stack that has ended, and is given back by whoever runs next.
    package var finished: UnsafeMutablePointer<sy_context>?
    /// The box of the hub's loop, by which a thread knows that it runs it.
    private let loopBox = Atomic<UInt>(0)

    package init(hub: Unmanaged<Hub>) {
        unsafe entries = .allocate(capacity: 64)
        unsafe self.hub = unsafe hub
    }

    package func deallocate() { unsafe entries.deallocate() }

    /// Whether the calling thread runs the hub's loop; nil before the hub has run. From any thread.
    package var isCurrent: Bool? {
        let box = loopBox.load(ordering: .relaxed)
        return box == 0 ? nil : unsafe UInt(bitPattern: sy_thread_current().pointee.loop) == box
    }

    /// On the loop's thread: remembers how it is recognised.
    package func rememberThread() {
        unsafe loopBox.store(UInt(bitPattern: sy_thread_current().pointee.loop), ordering: .relaxed)
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
        unsafe entries[(head + count) & mask] = entry
        count += 1
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

    /// Forgets whoever is ready.
    package mutating func removeAll() {
        head = 0
        count = 0
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
