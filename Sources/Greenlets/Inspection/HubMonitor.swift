// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// A look, from outside, at greenlets that hold up their loops, and at what else a program does not notice by itself
/// (gevent: the monitor thread).
///
///     let monitor = try HubMonitor.start()
///     defer { monitor.stop() }
///
/// Whatever it sees goes to the ``/Futures/Reporter``, once: a greenlet that has held the thread of its loop for too long,
/// with its name, where it was spawned, and where it is; one that lives long after it was killed; a plain thread that is
/// blocked for too long; memory above a threshold. While it runs, SIGURG is its own: by this signal it looks at threads.
/// What they call then is no part of a greenlet's cost, and a hub does nothing for it but to count its turns.
///
/// - Executor: One thread for all monitors of the process.
/// - Cancellation: ``stop()``; dropping the handle leaves it running.
public final class HubMonitor: Sendable {
    /// What is too much; nil is never.
    public struct Limits: Sendable, Hashable {
        /// How long a greenlet may hold the thread of its loop without letting others run.
        public var holding: Duration? = .milliseconds(100)
        /// How long a greenlet may live after a kill was thrown into it, by its loop's clock.
        public var afterKill: Duration? = .seconds(10)
        /// How long a thread may be blocked that runs no loop and no greenlet. Such waits are what plain threads are for; two
        /// kinds are mistakes: `isolated deinit` on a thread of Swift's pool, and the main thread when it waits for work of the
        /// main actor. Waits that began before the monitor did are not seen.
        public var blockedThread: Duration?
        /// How many bytes of memory the process may use: reported once, and again only after it had fallen below.
        public var memory: Int?

        /// 100 ms of holding a thread, 10 s after a kill.
        public init() {}
    }

    private let number: UInt64

    private init(number: UInt64) { self.number = number }

    /// Starts to look.
    ///
    /// - Parameters:
    ///   - limits: What is reported.
    ///   - loops: Whose greenlets; nil is all loops of the process, those to come as well.
    ///   - samples: Whether reports have backtraces, by means of SIGURG. They name functions as far as the system knows names, and
    ///     are missing where a sanitizer puts signals off.
    /// - Errors: ``GreenletMisuse`` if SIGURG is somebody else's; ``/Loops/ThreadUnavailable``.
    public static func start(
        _ limits: Limits = Limits(),
        of loops: [any Loop]? = nil,
        samples: Bool = true
    ) throws -> HubMonitor {
        try start(limits, of: loops, samples: samples, memory: ProcessMemory.resident)
    }

    /// The same with a reading of the memory in use, for tests.
    package static func start(
        _ limits: Limits,
        of loops: [any Loop]? = nil,
        samples: Bool = true,
        memory: @escaping @Sendable () -> Int?
    ) throws -> HubMonitor {
        if samples { try Sampler.open(for: "a monitor of hubs") }
        let watch = MonitorWatch(
            limits: limits,
            loops: loops.map { Set($0.map { ObjectIdentifier($0) }) },
            takesSamples: samples,
            memory: memory
        )
        if limits.blockedThread != nil { BlockedWaits.watch(true) }
        do {
            return HubMonitor(number: try MonitorThread.shared.add(watch))
        } catch {
            if limits.blockedThread != nil { BlockedWaits.watch(false) }
            if samples { Sampler.close() }
            throw error
        }
    }

    /// Ends it; the last monitor that ends brings back what SIGURG did before. Harmless when it has ended.
    ///
    /// - Executor: Any thread. A report that is being made may still come.
    public func stop() {
        guard let watch = MonitorThread.shared.remove(number) else { return }
        if watch.limits.blockedThread != nil { BlockedWaits.watch(false) }
        if watch.takesSamples { Sampler.close() }
    }
}
