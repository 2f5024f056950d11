// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
import Synchronization

/// The waits that block plain threads, for who looks for those that last too long. Nothing is written down while nobody does.
package enum BlockedWaits {
    /// A thread that is blocked.
    package struct Wait: Sendable {
        /// Told apart by this.
        package let number: UInt64
        /// By the system's clock.
        package let since: LoopInstant
        private let source: _FutureCore
        private let thread: String
        private let isMain: Bool

        package init(number: UInt64, source: _FutureCore, thread: String, isMain: Bool) {
            self.number = number
            since = .now
            self.source = source
            self.thread = thread
            self.isMain = isMain
        }

        /// What happened, what to do.
        package func report(after duration: String) -> String {
            let advice =
                isMain
                ? "If what it waits for needs the main actor, that cannot run meanwhile: await it, or wait in a greenlet"
                    + " (Greenlet.run)."
                : "If this is the isolated deinit of an object, or other code that a thread of Swift's pool runs, it holds up that"
                    + " thread for all tasks: hand the wait to Greenlet.spawn."
            return
                "\(isMain ? "the main thread" : "the thread \"\(thread)\"") has been blocked for \(duration), waiting for"
                + " \(source._summary). \(advice) Otherwise give the wait a timeout."
        }
    }

    private struct State {
        var watchers = 0
        var last: UInt64 = 0
        var waits: [UInt64: Wait] = [:]
    }

    private static let state = ProcessLock(State())
    private static let isWatched = Atomic(false)

    /// Begins or ends to write waits down.
    package static func watch(_ isWatching: Bool) {
        state.withLock { state in
            state.watchers += isWatching ? 1 : -1
            isWatched.store(state.watchers > 0, ordering: .relaxed)
        }
    }

    /// Those in progress.
    package static var all: [Wait] { state.withLock { $0.waits.values.sorted { $0.number < $1.number } } }

    /// On a thread that is about to block. Zero if nobody looks.
    @inline(__always)
    static func enter(_ source: _FutureCore) -> UInt64 {
        isWatched.load(ordering: .relaxed) ? add(source) : 0
    }

    @inline(__always)
    static func leave(_ number: UInt64) { if number != 0 { remove(number) } }

    private static func add(_ source: _FutureCore) -> UInt64 {
        let thread = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { name in
            unsafe sy_thread_copy_name(name.baseAddress!)
            return unsafe String(cString: name.baseAddress!)
        }
        let isMain = sy_thread_is_main()
        return state.withLock { state in
            state.last += 1
            state.waits[state.last] = Wait(number: state.last, source: source, thread: thread, isMain: isMain)
            return state.last
        }
    }

    private static func remove(_ number: UInt64) {
        // What it waited for is released without the lock.
        _ = state.withLock { $0.waits.removeValue(forKey: number) }
    }
}
