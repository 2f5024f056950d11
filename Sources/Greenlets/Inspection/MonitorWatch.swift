// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

package import Futures

/// What a monitor has seen and is to tell, with its text, which takes time and is made without a lock.
struct Finding {
    let watch: UInt64
    /// Nil if it has passed meanwhile.
    let text: () -> String?
}

/// What one monitor knows: looked at by the monitors' thread, under its lock.
struct MonitorWatch: Sendable {
    private static var checkOfMemory: Duration { .milliseconds(100) }

    let limits: HubMonitor.Limits
    let loops: Set<ObjectIdentifier>?
    let takesSamples: Bool
    let memory: @Sendable () -> Int?
    private var hubs: [UInt: HubWatch<Scheduler.Stretch>] = [:]
    private var threshold = ThresholdWatch()
    private var toldWaits: Set<UInt64> = []
    private var lastSurvey = LoopInstant(nanoseconds: .min)

    init(
        limits: HubMonitor.Limits,
        loops: Set<ObjectIdentifier>?,
        takesSamples: Bool,
        memory: @escaping @Sendable () -> Int?
    ) {
        self.limits = limits
        self.loops = loops
        self.takesSamples = takesSamples
        self.memory = memory
    }

    /// How long to wait between two looks.
    var pause: Duration {
        let parts = [
            limits.holding.map { $0 / HubWatch<Scheduler.Stretch>.looks }, limits.afterKill.map { $0 / 4 },
            limits.blockedThread.map { $0 / 4 },
        ]
        let shortest = parts.compactMap { $0 }.min() ?? Self.checkOfMemory
        let pause = limits.memory == nil ? shortest : min(shortest, Self.checkOfMemory)
        return max(pause, .milliseconds(1))
    }

    mutating func look(at now: LoopInstant, for number: UInt64, _ findings: inout [Finding]) {
        lookAtHubs(now, number, &findings)
        lookAtThreads(now, number, &findings)
        guard let limit = limits.memory, let used = memory(), threshold.crosses(limit, with: used) else { return }
        findings.append(
            Finding(watch: number) {
                "the process uses \(used / 1_048_576) MiB of memory, above the threshold of \(limit / 1_048_576) MiB. Hub.dumpAll()"
                    + " shows its greenlets and their stacks. This is told again only after it was below."
            }
        )
    }

    private mutating func lookAtHubs(_ now: LoopInstant, _ number: UInt64, _ findings: inout [Finding]) {
        let isSurvey = limits.afterKill.map { lastSurvey.duration(to: now) * 4 >= $0 }
        if isSurvey == true { lastSurvey = now }
        let all = unsafe Scheduler.everyone
        for index in unsafe all.indices {
            let scheduler = unsafe all[index]
            let key = UInt(bitPattern: scheduler)
            guard let door = unsafe scheduler.pointee.openDoor, loops?.contains(door.loop) ?? true else {
                hubs[key] = nil
                continue
            }
            if let limit = limits.holding {
                let stretch = unsafe scheduler.pointee.stretch
                if let held = hubs[key, default: HubWatch<Scheduler.Stretch>()].look(at: stretch, now, limit),
                    let stretch
                {
                    // SAFETY: never freed.
                    nonisolated(unsafe) let scheduler = unsafe scheduler
                    let takesSamples = takesSamples
                    findings.append(
                        Finding(watch: number) {
                            unsafe Self.text(of: scheduler, named: door.name, stretch, held, takesSamples)
                        }
                    )
                }
            }
            if isSurvey == true, let limit = limits.afterKill {
                // SAFETY: never freed; a hub that runs what is posted to it is alive.
                nonisolated(unsafe) let scheduler = unsafe scheduler
                _ = door.poster?.tryPost {
                    unsafe scheduler.pointee.hub._withUnsafeGuaranteedRef { $0.reportSurvivors(limit) }
                }
            }
        }
    }

    /// A greenlet has held its thread for too long.
    private static func text(
        of scheduler: UnsafeMutablePointer<Scheduler>,
        named name: String,
        _ stretch: Scheduler.Stretch,
        _ held: Duration,
        _ takesSamples: Bool
    ) -> String? {
        let isDue = { unsafe scheduler.pointee.stretch == stretch }
        let sample = takesSamples ? unsafe Sampler.sample(scheduler, while: isDue) : nil
        // It has let go in the last moment.
        if !isDue() { return nil }
        let greenlet = sample?.greenlet.map { "the greenlet \($0._summary)" } ?? "a greenlet"
        let lines = sample.map { $0.lines } ?? []
        let place =
            !lines.isEmpty
            ? ([" It is"] + lines).joined(separator: "\n    ")
            : takesSamples ? " Where it is could not be seen: its thread did not answer the signal." : ""
        return
            "\(greenlet) has held the thread of loop \"\(name)\" for \(held.forPeople) without letting others run: it computes, or"
            + " calls what blocks the thread. Call Greenlet.yield() now and then, move the work into Greenlet.offload, or allow it"
            + " with Greenlet.exemptFromMonitor.\(place)"
    }

    private mutating func lookAtThreads(_ now: LoopInstant, _ number: UInt64, _ findings: inout [Finding]) {
        guard let limit = limits.blockedThread else { return }
        let waits = BlockedWaits.all
        toldWaits.formIntersection(waits.map(\.number))
        for wait in waits where wait.since.duration(to: now) >= limit && toldWaits.insert(wait.number).inserted {
            findings.append(Finding(watch: number) { wait.report(after: wait.since.duration(to: now).forPeople) })
        }
    }
}

/// How long one hub has been in the same stretch, as far as the looks have seen.
package struct HubWatch<Stretch: Equatable & Sendable>: Sendable {
    /// So many looks have to see the same: one alone proves nothing where the whole process was stopped.
    package static var looks: Int { 4 }

    private var seen: Stretch?
    private var since = LoopInstant(nanoseconds: 0)
    private var count = 0
    private var isTold = false

    package init() {}

    /// - Returns: How long it lasts at least, if that is too long and was not told yet.
    package mutating func look(at stretch: Stretch?, _ now: LoopInstant, _ limit: Duration) -> Duration? {
        guard let stretch, stretch == seen else {
            (seen, since, count, isTold) = (stretch, now, 0, false)
            return nil
        }
        count += 1
        let held = since.duration(to: now)
        if isTold || count < Self.looks || held < limit { return nil }
        isTold = true
        return held
    }
}

/// Whether something is above a threshold for the first time, or again after it was below.
struct ThresholdWatch: Sendable {
    private var isAbove = false

    mutating func crosses(_ limit: Int, with value: Int) -> Bool {
        defer { isAbove = value > limit }
        return value > limit && !isAbove
    }
}
