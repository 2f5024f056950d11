// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// Timers ordered by (deadline, sequence), so that equal deadlines fire in the order they were set. Thread-safe.
///
/// libevent's own heap fires equal timers nearly reversed (E6); every loop of ours keeps this one and arms a single timer
/// of its backend for the head.
package final class TimerQueue: Sendable {
    package final class Entry: Sendable {
        package let deadline: LoopInstant
        fileprivate let sequence: UInt64
        /// In a struct: a function that is the lock's whole state would be wrapped in two thunks more at each look (6.3.1).
        private struct Work: Sendable {
            var body: (@Sendable () -> Void)?
        }

        private let work: Lock<Work>

        fileprivate init(deadline: LoopInstant, sequence: UInt64, work: @escaping @Sendable () -> Void) {
            self.deadline = deadline
            self.sequence = sequence
            self.work = Lock(Work(body: work))
        }

        /// The work, for the one that takes it first.
        package func take() -> (@Sendable () -> Void)? {
            work.withLock { work in
                defer { work.body = nil }
                return work.body
            }
        }

        fileprivate var isCancelled: Bool { work.withLock { $0.body == nil } }

        fileprivate func isBefore(_ other: Entry) -> Bool {
            (deadline, sequence) < (other.deadline, other.sequence)
        }
    }

    fileprivate struct State {
        var heap: [Entry] = []
        var nextSequence: UInt64 = 0
        var cancelled = 0
    }

    private let state = Lock(State())

    package init() {}

    /// Adds a timer.
    ///
    /// - Returns: The entry, and whether it is now the earliest, so that the loop has to be re-armed.
    /// - Complexity: O(log n).
    package func add(at deadline: LoopInstant, _ work: @escaping @Sendable () -> Void) -> (Entry, isEarliest: Bool) {
        state.withLock { state in
            let entry = Entry(deadline: deadline, sequence: state.nextSequence, work: work)
            state.nextSequence += 1
            state.heap.append(entry)
            state.siftUp(from: state.heap.count - 1)
            return (entry, state.heap[0] === entry)
        }
    }

    /// Takes a timer back; true if it will not run.
    ///
    /// - Complexity: O(1), and amortised O(log n) for clearing the cancelled out of the heap.
    package func cancel(_ entry: Entry) -> Bool {
        guard let work = entry.take() else { return false }
        let garbage = state.withLock { state in
            state.cancelled += 1
            return state.cancelled > 64 && state.cancelled * 2 > state.heap.count ? state.purge() : []
        }
        _ = (consume work, consume garbage)
        return true
    }

    /// The instant of the next timer.
    package var earliest: LoopInstant? {
        state.withLock { state in
            state.dropCancelledHead()
            return state.heap.first?.deadline
        }
    }

    /// Takes the next timer that is due.
    package func popDue(at now: LoopInstant) -> Entry? {
        state.withLock { state in
            state.dropCancelledHead()
            guard let head = state.heap.first, head.deadline <= now else { return nil }
            return state.pop()
        }
    }

    /// Drops all timers. Returns how many had been pending.
    @discardableResult
    package func removeAll() -> Int {
        let dropped = state.withLock { state in
            let old = state.heap
            state.heap = []
            state.cancelled = 0
            return old
        }
        return dropped.reduce(0) { $0 + ($1.take() == nil ? 0 : 1) }
    }

    /// Pending timers, cancelled ones not counted.
    package var count: Int { state.withLock { $0.heap.count { !$0.isCancelled } } }

    /// Entries held, cancelled ones included: for the test that cancelled timers do not pile up.
    package var held: Int { state.withLock { $0.heap.count } }
}

extension TimerQueue: ForkGuarded {
    package func lockForFork() { state.lockForFork() }

    package func unlockAfterFork(inChild: Bool) {
        state.unlockAfterFork { state in
            guard inChild else { return }
            ForkGuard.leave(state.heap)
            state = State()
        }
    }
}

extension TimerQueue.State {
    mutating func siftUp(from start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].isBefore(heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func siftDown(from start: Int) {
        var parent = start
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].isBefore(heap[least])
            {
                least = child
            }
            if least == parent { return }
            heap.swapAt(least, parent)
            parent = least
        }
    }

    mutating func pop() -> TimerQueue.Entry {
        heap.swapAt(0, heap.count - 1)
        let entry = heap.removeLast()
        if !heap.isEmpty { siftDown(from: 0) }
        return entry
    }

    mutating func dropCancelledHead() {
        while let head = heap.first, head.isCancelled {
            _ = pop()
            cancelled = max(0, cancelled - 1)
        }
    }

    /// Rebuilds the heap without the cancelled; returns them, to be released outside of the lock.
    mutating func purge() -> [TimerQueue.Entry] {
        let garbage = heap.filter(\.isCancelled)
        heap.removeAll(where: \.isCancelled)
        cancelled = 0
        for index in stride(from: heap.count / 2 - 1, through: 0, by: -1) { siftDown(from: index) }
        return garbage
    }
}
