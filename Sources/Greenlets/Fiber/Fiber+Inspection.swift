// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CStackSwitch

extension Fiber {
    /// Where a suspended fiber is, innermost first; empty for one that is not suspended, and with the thread-backed engine
    /// (greenlet: gr_frame). Frames compiled without a frame pointer are missing.
    ///
    /// - Executor: The fiber's thread; anywhere else the process stops.
    /// - Complexity: O(depth), 256 frames at most.
    public var backtrace: [BacktraceFrame] {
        core.checkThread("its backtrace")
        return core.backtrace
    }

    /// The most that the fiber's stack has been used, in bytes, to the page; 0 for one without a stack of its own, and where
    /// the system cannot tell. Stacks are reused: what earlier fibers used counts until the system has it back.
    ///
    /// - Executor: The fiber's thread; anywhere else the process stops.
    /// - Complexity: A system call.
    public var stackHighWater: Int {
        core.checkThread("the use of its stack")
        return core.stackHighWater
    }
}

// These stand in an extension for one type so that `Fiber.dump()` can be written without naming a type.
extension Fiber where Message == Void {
    /// How many fibers of the calling thread and its greenlets have begun, have not ended and do not run.
    ///
    /// One that nobody can resume, because its own frames or a circle of such hold the last reference, counts until its thread
    /// or greenlet ends: Swift has no collector that would find it (greenlet: leaks of suspended ones).
    ///
    /// - Executor: For the calling thread alone.
    /// - Complexity: O(greenlets of the thread that use fibers).
    public static var suspendedCount: Int {
        let here = FiberHost.currentFiber
        return here.host.thread.hosts.values.reduce(here.isMain ? 0 : -1) { $0 + $1.activeCount }
    }

    /// All fibers that count as suspended, and the one that runs: what they are, and how much stack they have used.
    ///
    /// - Executor: For the calling thread alone.
    /// - Parameter backtraces: Also where the suspended ones are.
    /// - Complexity: O(fibers), and O(depth) of each with backtraces.
    public static func dump(backtraces: Bool = false) -> String {
        let hosts = FiberHost.currentFiber.host.thread.hosts.values
        let fibers = hosts.flatMap(\.activeFibers).sorted { $0.id < $1.id }
        var lines = ["\(fibers.count) fibers on this thread"]
        for fiber in fibers {
            let parent = fiber.parentCore.map { ", parent \($0.displayName)" } ?? ""
            lines.append("  \(fiber.summary)\(parent), \(fiber.stackHighWater / 1024) KiB of stack used")
            if backtraces { lines += fiber.backtrace.map { "    at \($0)" } }
        }
        return lines.joined(separator: "\n")
    }
}

extension FiberCore {
    final var backtrace: [BacktraceFrame] {
        guard let context = unsafe context, !isMain else { return [] }
        return unsafe withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer?.self, capacity: 256) { addresses in
            let count = unsafe sy_context_backtrace(context, addresses.baseAddress!, addresses.count)
            return unsafe addresses[..<count].compactMap { unsafe $0.map { unsafe BacktraceFrame($0) } }
        }
    }

    final var stackHighWater: Int { unsafe context.map { unsafe Int(sy_context_high_water($0)) } ?? 0 }
}
