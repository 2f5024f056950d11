// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A background thread of the process for what must not run where it became due.
///
/// It is a loop, so that waiting on it is refused like on any other. The thread starts with the first use.
// SAFETY: the queue is behind its lock; the box is set once, before the instance is shared.
package final class Drain: Loop, @unchecked Sendable {
    /// For observers of a completion that began in a `deinit`, and the timers of code that runs on no loop.
    package static let shared = Drain(name: "switchyard-drain")
    /// For reports alone: a sink may take its time.
    package static let reports = Drain(name: "switchyard-reports")

    private struct State {
        var queue: [@Sendable () -> Void] = []
        var started = false
        var parker = ThreadParker()
    }

    private let state = Lock(State())
    private let timers = TimerQueue()
    private var box: LoopBox!

    package let name: String

    private init(name: String) {
        self.name = name
        box = LoopBox(self)
        ForkGuard.add(self)
    }

    package var now: LoopInstant { .now }
    package var isCurrent: Bool { box.isCurrent }

    package func post(_ work: @escaping @Sendable () -> Void) {
        let sleeper: ThreadParker? = state.withLock { state in
            state.queue.append(work)
            defer { state.started = true }
            return state.started ? state.parker : nil
        }
        if let sleeper { sleeper.wake() } else { start() }
    }

    package func schedule(at deadline: LoopInstant, _ work: @escaping @Sendable () -> Void) -> LoopTimer {
        let (entry, isEarliest) = timers.add(at: deadline, work)
        if isEarliest { post {} }
        return LoopTimer { [timers] in timers.cancel(entry) }
    }

    /// This loop never stops.
    package func whenClosed(_ action: @escaping @Sendable () -> Void) -> LoopTimer { .spent }

    /// Delivers the observers of a completed future from this thread.
    package func enqueue(_ node: _Node) { post { _Trampoline.deliver(drained: node) } }

    /// Waits until everything posted before has run. For tests and for the end of a program.
    package func flush() {
        let parker = ThreadParker()
        post { parker.wake() }
        _ = parker.wait()
    }

    private func start() {
        // SAFETY: the instance lives as long as the process.
        let reference = unsafe Unmanaged.passUnretained(self).toOpaque()
        let error = unsafe sy_thread_start(
            name,
            0,
            { unsafe Unmanaged<Drain>.fromOpaque($0!).takeUnretainedValue().run() },
            reference
        )
        if error != 0 { StandardError.write("switchyard: cannot start the thread \(name), error \(error)\n") }
    }

    private func run() {
        let parker = state.withLock { $0.parker }
        box.enter {
            while true {
                let batch = state.withLock { state in
                    defer { state.queue = [] }
                    return state.queue
                }
                for work in batch { work() }
                while let timer = timers.popDue(at: .now) { timer.take()?() }
                if batch.isEmpty {
                    _ = parker.wait(until: timers.earliest ?? .distantFuture)
                }
            }
        }
    }
}

extension Drain: ForkGuarded {
    package func lockForFork() {
        state.lockForFork()
        timers.lockForFork()
    }

    /// What was posted is the parent's to do; the child starts a thread with its first use.
    package func unlockAfterFork(inChild: Bool) {
        timers.unlockAfterFork(inChild: inChild)
        state.unlockAfterFork { state in
            guard inChild else { return }
            ForkGuard.leave(state.queue)
            state.queue = []
            // Work of the drain itself may fork: then its thread goes on in the child.
            if isCurrent { return }
            state.started = false
            state.parker = ThreadParker()
        }
    }
}

/// Unbuffered writing of diagnostics.
package enum StandardError {
    package static func write(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while unsafe !rest.isEmpty {
                #if canImport(Darwin)
                let written = unsafe Darwin.write(2, rest.baseAddress, rest.count)
                #elseif canImport(Musl)
                let written = unsafe Musl.write(2, rest.baseAddress, rest.count)
                #else
                let written = unsafe Glibc.write(2, rest.baseAddress, rest.count)
                #endif
                if written <= 0 { return }
                unsafe rest = UnsafeRawBufferPointer(rebasing: rest[written...])
            }
        }
    }
}
