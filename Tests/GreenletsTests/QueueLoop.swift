// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Loops

/// A loop as somebody else might write it: a thread, a queue and a list of timers, that knows nothing of greenlets.
final class QueueLoop: ExecutingLoop, @unchecked Sendable {  // SAFETY: a lock; the box is set once.
    private struct State {
        var work: [@Sendable () -> Void] = []
        var timers: [(number: Int, deadline: LoopInstant, body: @Sendable () -> Void)] = []
        var closers: [Int: @Sendable () -> Void] = [:]
        var numbers = 0
        var isStopped = false

        mutating func number() -> Int {
            numbers += 1
            return numbers
        }
    }

    let name: String
    private let state = Lock(State())
    private let parker = ThreadParker()
    private var box: LoopBox!

    init(name: String) {
        self.name = name
        box = LoopBox(self)
    }

    /// Runs the loop on the calling thread until it is stopped.
    func run() {
        box.enter {
            while let deadline = turn() { _ = parker.wait(until: deadline) }
            let closers = state.withLock { state in
                defer { state.closers = [:] }
                return state.closers.sorted { $0.key < $1.key }.map(\.value)
            }
            for close in closers { close() }
        }
    }

    /// - Returns: Until when there is nothing to do; nil when the loop has been stopped.
    private func turn() -> LoopInstant? {
        let (work, isStopped) = state.withLock { state in
            defer { state.work = [] }
            let due = state.timers.filter { $0.deadline <= now }.sorted {
                ($0.deadline, $0.number) < ($1.deadline, $1.number)
            }
            state.timers.removeAll { timer in due.contains { $0.number == timer.number } }
            return (state.work + due.map(\.body), state.isStopped)
        }
        for body in work { body() }
        if isStopped { return nil }
        return state.withLock { state in
            state.work.isEmpty ? state.timers.map(\.deadline).min() ?? .distantFuture : LoopInstant(nanoseconds: 0)
        }
    }

    func stop() {
        state.withLock { $0.isStopped = true }
        parker.wake()
    }

    // MARK: Loop

    var now: LoopInstant { .now }
    var isCurrent: Bool { box.isCurrent }

    func post(_ work: @escaping @Sendable () -> Void) { _ = tryPost(work) }

    func tryPost(_ work: @escaping @Sendable () -> Void) -> Bool {
        let isAccepted = state.withLock { state in
            if !state.isStopped { state.work.append(work) }
            return !state.isStopped
        }
        parker.wake()
        return isAccepted
    }

    func schedule(at deadline: LoopInstant, _ work: @escaping @Sendable () -> Void) -> LoopTimer {
        let number = state.withLock { state in
            let number = state.number()
            state.timers.append((number, deadline, work))
            return number
        }
        parker.wake()
        return LoopTimer { [weak self] in
            self?.state.withLock { state in
                let count = state.timers.count
                state.timers.removeAll { $0.number == number }
                return state.timers.count < count
            } ?? false
        }
    }

    func whenClosed(_ action: @escaping @Sendable () -> Void) -> LoopTimer {
        let number = state.withLock { state -> Int? in
            if state.isStopped { return nil }
            let number = state.number()
            state.closers[number] = action
            return number
        }
        guard let number else {
            action()
            return .spent
        }
        return LoopTimer { [weak self] in self?.state.withLock { $0.closers.removeValue(forKey: number) } != nil }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        post { [self] in
            unsafe job.runSynchronously(
                isolatedTo: asUnownedSerialExecutor(),
                taskExecutor: asUnownedTaskExecutor()
            )
        }
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }
    func asUnownedTaskExecutor() -> UnownedTaskExecutor { unsafe UnownedTaskExecutor(ordinary: self) }
}

/// Runs a test on such a loop, with a thread of its own, and stops it.
func onQueueLoop(_ name: String = "foreign", _ body: @Sendable (QueueLoop) async throws -> Void) async throws {
    let loop = QueueLoop(name: name)
    let thread = Future.offThread { loop.run() }
    do { try await body(loop) } catch {
        loop.stop()
        throw error
    }
    loop.stop()
    try await thread.value
}
