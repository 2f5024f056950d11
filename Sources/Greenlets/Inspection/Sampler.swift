// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CStackSwitch
import Futures
import Synchronization

/// What a hub's thread did at one moment.
struct Sample: Sendable {
    /// The greenlet that ran; nil if none did.
    let greenlet: AnyGreenlet?
    /// Code that is no greenlet's ran: a callback, a job, or the thread does something else than running the loop.
    let isOutside: Bool
    /// Where it was, innermost first.
    let frames: [BacktraceFrame]

    /// Lines for a report.
    var lines: [String] { frames.map { "at \($0)" } }
}

/// Looks at what threads do, by a signal that interrupts them: SIGURG, while somebody uses it.
package enum Sampler {
    private static let users = Users()
    /// How long a thread has to answer.
    private static var patience: UInt32 { 1_000 }

    /// Installs the handler for the signal, if it is not.
    ///
    /// - Errors: ``GreenletMisuse`` if the signal is somebody else's.
    static func open(for purpose: String) throws {
        let error = users.withLock { users in
            let error = users == 0 ? sy_sampler_install() : 0
            if error == 0 { users += 1 }
            return error
        }
        if error == 0 { return }
        throw GreenletMisuse(
            error == -1
                ? "\(purpose) looks at threads by means of SIGURG, for which somebody has installed a handler. Remove that, or do"
                    + " without samples."
                : "\(purpose) could not install a handler for SIGURG: error \(error). Do without samples."
        )
    }

    /// The last one to close brings back what the signal did before.
    static func close() {
        let isDisplaced = users.withLock { users in
            users -= 1
            return users == 0 && !sy_sampler_remove()
        }
        if isDisplaced {
            Reporter.report(
                .message(
                    "while hubs were monitored by means of SIGURG, somebody installed another handler for it, which now stays; the"
                        + " reports since then had no backtraces. Handle a signal in one place."
                )
            )
        }
    }

    /// Whether a handler of the system's is the one installed here.
    package static func owns(_ handler: UnsafeRawPointer) -> Bool { unsafe sy_sampler_is_handler(handler) }

    /// Looks at what a hub's thread does, up to three times, and answers the look that has seen deepest.
    ///
    /// Some looks come when the unwinder has nothing to go by. Nil where no look is possible: the hub has no thread, or a
    /// sanitizer puts signals off.
    ///
    /// - Executor: Any thread, which it blocks for a moment.
    /// - Parameter isDue: Asked after each look: whether what is to be seen goes on.
    static func sample(
        _ scheduler: UnsafeMutablePointer<Scheduler>,
        while isDue: () -> Bool = { true }
    ) -> Sample? {
        var deepest: Sample?
        for _ in 0..<3 {
            guard let next = unsafe look(at: scheduler), isDue() else { break }
            if next.frames.count > deepest?.frames.count ?? -1 { deepest = next }
        }
        return deepest
    }

    /// How many use the signal.
    private final class Users: ForkGuarded {
        private let count = Lock(0)

        init() { ForkGuard.add(self) }

        func withLock<R>(_ body: (inout Int) -> R) -> R { count.withLock(body) }

        func lockForFork() { count.lockForFork() }

        func unlockAfterFork(inChild: Bool) {
            // What the parent's threads were looking at is nothing here.
            if inChild { sy_sample_forked() }
            count.unlockAfterFork()
        }
    }

    private static func look(at scheduler: UnsafeMutablePointer<Scheduler>) -> Sample? {
        while !sy_sample_begin() { _ = ThreadParker().wait(until: LoopInstant.now.advanced(by: .milliseconds(1))) }
        defer { sy_sample_end() }
        guard let carrier = unsafe OpaquePointer(bitPattern: scheduler.pointee.carrierAddress.load(ordering: .relaxed))
        else { return nil }
        // SAFETY: only compared with those that there are.
        nonisolated(unsafe) let address = unsafe carrier
        // Not while the process forks: the request takes a lock that a child has to find free.
        guard users.withLock({ users in unsafe users > 0 && sy_sample_request(address) }),
            sy_sample_wait(patience)
        else { return nil }
        // SAFETY: the handler has retained it for us.
        let object = unsafe sy_sample_user().map { unsafe Unmanaged<_Node>.fromOpaque($0).takeRetainedValue() }
        var addresses: UnsafePointer<UnsafeMutableRawPointer?>?
        let count = unsafe sy_sample_frames(&addresses)
        let frames = unsafe UnsafeBufferPointer(start: addresses, count: count)
        return Sample(
            greenlet: object as? AnyGreenlet,
            isOutside: sy_sample_is_root(),
            frames: unsafe frames.compactMap { unsafe $0.map { unsafe BacktraceFrame($0) } }
        )
    }
}
