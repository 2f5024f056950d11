// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CStackSwitch
public import Futures
import Loops

extension Hub {
    /// The use of stacks costs a system call each, and is shown up to so many greenlets.
    private static var stacksShown: Int { 1_000 }
    /// Deeper ones are not indented further.
    private static var deepestIndentation: Int { 32 }

    /// All greenlets of a loop, as a tree of who has spawned whom: what each does, what it waits for and for how long, whether it
    /// was killed, and how much stack it has used.
    ///
    /// - Executor: Looks on the loop's thread, and completes there: at once if that is the caller's, else in a later turn. See
    ///   ``dumpAll(within:backtraces:)`` for loops that may be blocked.
    /// - Cancellation: Affects only the future.
    /// - Errors: None: a stopped loop has no greenlets.
    /// - Complexity: O(greenlets), and O(depth of the stack) of each with backtraces.
    /// - Parameter backtraces: Also where each of those that do not run is, as far as the system knows names; nothing with the
    ///   thread-backed engine.
    public static func dump(of loop: any Loop, backtraces: Bool = false) -> Future<String> {
        let hub = Hub.of(loop)
        if hub.isCurrent { return .succeeded(hub.dump(backtraces)) }
        let promise = Promise<String>("a dump of the greenlets of loop \"\(loop.name)\"")
        if !hub.send({ promise.succeed(hub.dump(backtraces)) }) { promise.succeed(hub.dumpText([], backtraces)) }
        return promise.future
    }

    /// On the hub's thread.
    func dump(_ backtraces: Bool) -> String { dumpText(unsafe live.all, backtraces) }

    private func dumpText(_ greenlets: [AnyGreenlet], _ backtraces: Bool) -> String {
        let (roots, children) = Self.tree(of: greenlets)
        let now = unsafe loop.now
        let showsStacks = greenlets.count <= Self.stacksShown
        var lines = ["\(greenlets.count) greenlets on loop \"\(name)\""]
        var open = roots.reversed().map { (greenlet: $0, depth: 0) }
        while let (greenlet, depth) = open.popLast() {
            let indentation = String(repeating: "  ", count: min(depth, Self.deepestIndentation) + 1)
            lines.append(indentation + greenlet.dumpLine(at: now, isChild: depth > 0, showsStack: showsStacks))
            if backtraces { lines += greenlet.backtrace.map { "\(indentation)    at \($0)" } }
            for child in (children[greenlet.id] ?? []).reversed() { open.append((child, depth + 1)) }
        }
        return lines.joined(separator: "\n")
    }

    /// Those whose spawner is not among them, and the others by their spawner.
    private static func tree(of greenlets: [AnyGreenlet]) -> (roots: [AnyGreenlet], children: [UInt64: [AnyGreenlet]]) {
        let present = Set(greenlets.map(\.id))
        var roots: [AnyGreenlet] = []
        var children: [UInt64: [AnyGreenlet]] = [:]
        for greenlet in greenlets {
            if let spawner = greenlet.spawner.id, present.contains(spawner) {
                children[spawner, default: []].append(greenlet)
            } else {
                roots.append(greenlet)
            }
        }
        return (roots, children)
    }
}

extension AnyGreenlet {
    /// On the hub's thread: a line for dumps.
    fileprivate final func dumpLine(at now: LoopInstant, isChild: Bool, showsStack: Bool) -> String {
        var line = _summary
        if !isChild, let spawner = spawner.id {
            line += ", spawned by greenlet-\(spawner) (\(self.spawner.isNeighbour ? "ended" : "of another loop"))"
        }
        line += ": \(activity(at: now))"
        if let kill = notes?.kill {
            line += "; killed \(kill.came.duration(to: now).forPeople) ago"
            line +=
                kill.thrownCount == 0
                ? ", not thrown yet" : ", thrown \(kill.thrownCount == 1 ? "once" : "\(kill.thrownCount) times")"
        }
        if showsStack, let context = unsafe context {
            let bytes = unsafe sy_context_high_water(context)
            if bytes > 0 { line += "; \(bytes / 1024) KiB of stack" }
        }
        return line
    }

    private final func activity(at now: LoopInstant) -> String {
        switch unsafe state {
        case .pending: return "not started"
        case .dead: return "ended"
        case .started: break
        }
        if Greenlet.current === self { return "running" }
        guard unsafe isParked else { return pauseWithoutPark }
        let what: String
        if let source = unsafe waitsFor?.takeUnretainedValue() {
            what = "parked, waits for \(source._summary)"
        } else {
            what = unsafe hasDeadline ? "sleeps" : "parked"
        }
        return "\(what); for \(parkedAt.duration(to: now).forPeople)"
    }

    fileprivate final var backtrace: [BacktraceFrame] {
        guard let context = unsafe context else { return [] }
        return unsafe withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer?.self, capacity: 256) { addresses in
            let count = unsafe sy_context_backtrace(context, addresses.baseAddress!, addresses.count)
            return unsafe addresses[..<count].compactMap { unsafe $0.map { unsafe BacktraceFrame($0) } }
        }
    }
}
