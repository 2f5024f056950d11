// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// A loop whose turns and whose time the test makes.
// SAFETY: the state is behind its lock; the box is set before the loop is shared.
final class ManualLoop: Loop, @unchecked Sendable {
    private struct State {
        var work: [@Sendable () -> Void] = []
        var now = LoopInstant(nanoseconds: 0)
        var closed = false
        var closers: [Int: @Sendable () -> Void] = [:]
        var nextCloser = 0
    }

    let name: String
    let timers = TimerQueue()
    private let state = Lock(State())
    private var box: LoopBox!

    init(_ name: String = "manual") {
        self.name = name
        box = LoopBox(self)
    }

    var now: LoopInstant { state.withLock { $0.now } }
    var isCurrent: Bool { box.isCurrent }
    var pendingClosers: Int { state.withLock { $0.closers.count } }

    func post(_ work: @escaping @Sendable () -> Void) { _ = tryPost(work) }

    func tryPost(_ work: @escaping @Sendable () -> Void) -> Bool {
        state.withLock { state in
            if !state.closed { state.work.append(work) }
            return !state.closed
        }
    }

    func schedule(at deadline: LoopInstant, _ work: @escaping @Sendable () -> Void) -> LoopTimer {
        let (entry, _) = timers.add(at: deadline, work)
        return LoopTimer { [timers] in timers.cancel(entry) }
    }

    func whenClosed(_ action: @escaping @Sendable () -> Void) -> LoopTimer {
        let key: Int? = state.withLock { state in
            if state.closed { return nil }
            state.nextCloser += 1
            state.closers[state.nextCloser] = action
            return state.nextCloser
        }
        guard let key else {
            action()
            return .spent
        }
        return LoopTimer { [weak self] in self?.state.withLock { $0.closers.removeValue(forKey: key) } != nil }
    }

    /// One turn: what was posted before it, then the timers that are due.
    func turn() {
        box.enter {
            let work = state.withLock { state in
                defer { state.work = [] }
                return state.work
            }
            for item in work { item() }
            let now = now
            var due: [TimerQueue.Entry] = []
            while let timer = timers.popDue(at: now) { due.append(timer) }
            for timer in due { timer.take()?() }
        }
    }

    private var isIdle: Bool { state.withLock { $0.work.isEmpty } && (timers.earliest.map { $0 > now } ?? true) }

    func runUntilIdle() { while !isIdle { turn() } }

    func advance(by duration: Duration) {
        let end = now.advanced(by: duration)
        runUntilIdle()
        while let next = timers.earliest, next <= end {
            state.withLock { $0.now = max($0.now, next) }
            runUntilIdle()
        }
        state.withLock { $0.now = end }
        runUntilIdle()
    }

    /// Runs the body as if it were a callback of this loop.
    func run<Value>(_ body: () throws -> Value) rethrows -> Value { try box.enter(body) }

    func close() {
        let closers = state.withLock { state in
            state.closed = true
            defer { state.closers = [:] }
            return state.closers
        }
        timers.removeAll()
        for key in closers.keys.sorted() { closers[key]!() }
    }
}
