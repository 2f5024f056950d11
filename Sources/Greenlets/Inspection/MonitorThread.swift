// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import Loops
import Synchronization

/// The thread that looks; it is there while a monitor is.
final class MonitorThread: ForkGuarded {
    static let shared = MonitorThread()

    private struct State {
        var watches: [UInt64: MonitorWatch] = [:]
        var last: UInt64 = 0
        var isRunning = false
        var parker = ThreadParker()
    }

    /// Held while it looks at hubs and posts to them: a forked child finds their locks free.
    private let state = Lock(State())
    /// In a forked child: monitors are there, and their thread is not.
    private static let isLost = Atomic<Bool>(false)

    private init() { ForkGuard.add(self) }

    func add(_ watch: MonitorWatch) throws -> UInt64 {
        let (number, mustStart) = state.withLock { state in
            state.last += 1
            state.watches[state.last] = watch
            defer { state.isRunning = true }
            state.parker.wake()
            return (state.last, !state.isRunning)
        }
        if mustStart {
            do { try start() } catch {
                _ = remove(number)
                throw error
            }
        }
        return number
    }

    func remove(_ number: UInt64) -> MonitorWatch? {
        state.withLock { state in
            state.parker.wake()
            return state.watches.removeValue(forKey: number)
        }
    }

    private func start() throws {
        do { try PlainThread.start("sy-monitor") { self.run() } } catch {
            state.withLock { $0.isRunning = false }
            throw error
        }
    }

    private func run() {
        while true {
            let (parker, pause) = state.withLock { state -> (ThreadParker?, Duration) in
                let pause = state.watches.values.map(\.pause).min()
                if pause == nil { state.isRunning = false }
                return (pause == nil ? nil : state.parker, pause ?? .zero)
            }
            guard let parker else { return }
            look()
            _ = parker.wait(until: LoopInstant.now.advanced(by: pause))
        }
    }

    private func look() {
        let findings = state.withLock { state in
            var findings: [Finding] = []
            let now = LoopInstant.now
            for number in state.watches.keys.sorted() { state.watches[number]?.look(at: now, for: number, &findings) }
            return findings
        }
        for finding in findings {
            guard let text = finding.text() else { continue }
            // It may have been stopped while the text was made.
            if state.withLock({ $0.watches[finding.watch] != nil }) { Reporter.report(.message(text)) }
        }
    }

    // MARK: Forks

    /// A hub runs: in a forked child the first one starts the thread again. One relaxed load.
    @inline(__always)
    static func resumeAfterFork() { if isLost.load(ordering: .relaxed) { shared.resume() } }

    private func resume() {
        guard Self.isLost.exchange(false, ordering: .relaxed) else { return }
        let mustStart = state.withLock { state in
            if state.isRunning || state.watches.isEmpty { return false }
            state.isRunning = true
            return true
        }
        if !mustStart { return }
        do { try start() } catch {
            Reporter.report(.message("the monitor of hubs does not run in this forked process: \(error)"))
        }
    }

    func lockForFork() { state.lockForFork() }

    func unlockAfterFork(inChild: Bool) {
        state.unlockAfterFork { state in
            guard inChild, state.isRunning else { return }
            state.isRunning = false
            ForkGuard.leave(state.parker)
            state.parker = ThreadParker()
            Self.isLost.store(true, ordering: .relaxed)
        }
    }
}
