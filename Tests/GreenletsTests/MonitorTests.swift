// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops
import Synchronization
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

@Suite("The monitor of hubs")
struct MonitorTests {
    /// Limits of so many milliseconds for holding a thread, and none else.
    private static func holding(_ milliseconds: Int?) -> HubMonitor.Limits {
        var limits = HubMonitor.Limits()
        limits.holding = milliseconds.map { .milliseconds($0) }
        limits.afterKill = nil
        limits.memory = .max
        return limits
    }

    @Test(
        "V33: who holds its thread is reported once for each stretch, with its name, where it was spawned, and where it is"
    )
    func holding() async throws {
        let reports = ReportCollector(containing: "has held the thread of loop \"held by one\"")
        let looks = Counter()
        try await onLoop("held by one") { (loop) async throws in
            let monitor = try HubMonitor.start(Self.holding(20), of: [loop]) { looks.count(0) }
            defer { monitor.stop() }
            try await Greenlet.spawn(on: loop, name: "greedy") {
                spin { reports.reports.count == 1 }
                // No more of the same.
                spin(for: 12, looks)
                // It lets another one run, in the same turn, and begins anew.
                let other = Greenlet.spawn {}
                try Greenlet.yield()
                #expect(other.isDead)
                spin { reports.reports.count == 2 }
                // Another turn.
                try Greenlet.sleep(for: .milliseconds(1))
                spin { reports.reports.count == 3 }
            }.value
        }
        let texts = await reports.settledReports().map { "\($0)" }
        #expect(texts.count == 3)
        guard answersSamples else { return }
        for text in texts {
            #expect(text.hasPrefix("the greenlet greedy"), "\(text)")
            #expect(text.split(separator: "\n").filter { $0.hasPrefix("    at ") }.count > 2, "\(text)")
            #if DEBUG
            #expect(text.contains("MonitorTests.swift:"), "\(text)")
            #endif
        }
    }

    @Test("V33: a portal that holds its thread is reported, too")
    func portals() async throws {
        let reports = ReportCollector(containing: "has held the thread of loop \"held by a portal\"")
        try await onLoop("held by a portal") { (loop) async throws in
            let monitor = try HubMonitor.start(Self.holding(20), of: [loop])
            defer { monitor.stop() }
            try await Greenlet.run(on: loop, name: "greedy portal") { spin { reports.reports.count == 1 } }
        }
        #expect(await reports.settledReports().allSatisfy { !answersSamples || "\($0)".contains("greedy portal") })
    }

    @Test("V33: nothing is reported while a hub is idle and its greenlets wait, nor of a greenlet that is exempt")
    func exempt() async throws {
        let reports = ReportCollector(containing: "has held the thread of loop \"held with leave\"")
        let looks = Counter()
        try await onLoop("held with leave") { (loop) async throws in
            let monitor = try HubMonitor.start(Self.holding(20), of: [loop]) { looks.count(0) }
            defer { monitor.stop() }
            let parked = Greenlet.spawn(on: loop) { try forever.future.wait() }
            let start = looks.value
            #expect(await eventually { looks.value > start + 12 })
            let (mayRun, isDone) = (Promise<Void>(), Promise<Void>())
            Greenlet.spawn(on: loop, name: "other") {
                try mayRun.future.wait()
                spin { reports.reports.count == 1 }
                isDone.succeed(())
            }
            try await Greenlet.spawn(on: loop, name: "exempt") {
                try Greenlet.exemptFromMonitor {
                    spin(for: 12, looks)
                    Greenlet.exemptFromMonitor { spin(for: 12, looks) }
                    spin(for: 12, looks)
                    #expect(reports.settled().isEmpty)
                    // The leave is its own, not that of those who run meanwhile.
                    mayRun.succeed(())
                    try isDone.future.wait()
                    try Greenlet.yield()
                    spin(for: 12, looks)
                    #expect(reports.settled().count == 1)
                }
                spin { reports.reports.count == 2 }
            }.value
            parked.kill()
        }
        #expect(await reports.settledReports().count == 2)
    }

    @Test("V33: one look is no proof: a stretch is too long when several looks have seen it, over the whole limit")
    func looks() {
        var watch = HubWatch<Int>()
        func look(_ stretch: Int?, at milliseconds: Int64) -> Duration? {
            watch.look(at: stretch, LoopInstant(nanoseconds: milliseconds * 1_000_000), .milliseconds(100))
        }
        // Stopped for a long time between two looks, as by a debugger.
        #expect(look(1, at: 0) == nil && look(1, at: 5_000) == nil)
        #expect(look(1, at: 5_010) == nil && look(1, at: 5_020) == nil)
        #expect(look(1, at: 5_030) == .milliseconds(5_030))
        #expect(look(1, at: 9_000) == nil)
        // Others ran, or none.
        for (number, at) in zip(2..., stride(from: 9_010 as Int64, to: 12_000, by: 50)) {
            #expect(look(number, at: at) == nil)
        }
        for at in stride(from: 12_000 as Int64, to: 13_000, by: 50) { #expect(look(nil, at: at) == nil) }
        // Many looks, but not long enough.
        for at in stride(from: 13_000 as Int64, to: 13_100, by: 10) { #expect(look(7, at: at) == nil) }
        #expect(look(7, at: 13_100) == .milliseconds(100))
    }

    @Test("V33: memory above the threshold is reported once, and again only after it had fallen below")
    func memory() async throws {
        let reports = ReportCollector(containing: "above the threshold of 17 MiB")
        let (looks, used) = (Counter(), Counter())
        var limits = Self.holding(nil)
        limits.memory = 17 << 20
        let monitor = try HubMonitor.start(limits, samples: false) {
            looks.add()
            return used.value
        }
        defer { monitor.stop() }
        func pass(_ count: Int) async {
            let start = looks.value
            #expect(await eventually { looks.value > start + count })
        }
        await pass(2)
        #expect(await reports.settledReports().isEmpty)
        used.add(18 << 20)
        #expect(await eventually { reports.reports.count == 1 })
        await pass(4)
        used.add(-(10 << 20))
        await pass(2)
        #expect(await reports.settledReports().count == 1)
        used.add(20 << 20)
        #expect(await eventually { reports.reports.count == 2 })
    }

    @Test("V33: what a process uses is above a threshold of one byte")
    func memoryInUse() async throws {
        let reports = ReportCollector(containing: "above the threshold of 0 MiB")
        var limits = Self.holding(nil)
        limits.memory = 1
        let monitor = try HubMonitor.start(limits, samples: false)
        #expect(await eventually { reports.reports.count == 1 })
        monitor.stop()
        monitor.stop()
        #expect(!"\(reports.reports[0])".contains(" 0 MiB of memory"))
    }

    @Test(
        "V33: a plain thread that is blocked for too long is reported once, with what it waits for and the two known mistakes"
    )
    func blockedThreads() async throws {
        await #expect(processExitsWith: .success) {
            let reports = ReportCollector(containing: "long missed")
            var limits = MonitorTests.holding(nil)
            limits.blockedThread = .milliseconds(10)
            let monitor = try HubMonitor.start(limits, samples: false)
            let promise = Promise<Int>("long missed")
            let thread = Future.offThread { try promise.future.wait() }
            #expect(await eventually { reports.reports.count == 1 })
            let text = "\(reports.reports[0])"
            #expect(text.hasPrefix("the thread ") && text.contains("isolated deinit"), "\(text)")
            promise.succeed(1)
            #expect(try await thread.value == 1)
            #expect(BlockedWaits.all.isEmpty)
            monitor.stop()
            #expect(await reports.settledReports().count == 1)
        }
        let source = Promise<Int>("a screen")
        let main = BlockedWaits.Wait(number: 1, source: source.future, thread: "x", isMain: true).report(after: "2.0 s")
        #expect(main.hasPrefix("the main thread has been blocked for 2.0 s") && main.contains("main actor"), "\(main)")
        source.succeed(1)
    }

    #if os(Linux)
    @Test("V33: in a forked child the monitor goes on with the first hub that runs there", .enabled(if: answersSamples))
    func forks() async {
        await #expect(processExitsWith: .exitCode(42)) {
            let status = try await onThread { () throws -> Int32 in
                let reports = ReportCollector(containing: "loop \"forked\"")
                let monitor = try HubMonitor.start(MonitorTests.holding(20))
                let turn = { (loop: IOLoop) throws -> Bool in
                    let count = reports.settled().count
                    let greenlet = Greenlet.spawn(on: loop, name: "child's") {
                        blockUntil { reports.reports.count == count + 1 }
                    }
                    return try loop.run(until: greenlet)
                }
                // What is done for the first time is done here.
                let loop = try IOLoop(name: "forked")
                guard try turn(loop) else { return 1 }
                let status = forked {
                    do {
                        let loop = try IOLoop(name: "forked")
                        guard try turn(loop) else { return 2 }
                        monitor.stop()
                        return 42
                    } catch { return 3 }
                }
                return try turn(loop) ? status : 4
            }
            exit(status)
        }
    }
    #endif
}

extension Counter {
    /// Counts, and answers something else.
    fileprivate func count<Value>(_ value: Value) -> Value {
        add()
        return value
    }
}

/// Holds the thread until the condition is true.
private func spin(until condition: () -> Bool) {
    let isTrue = blockUntil(condition)
    #expect(isTrue)
}

/// Holds the thread until the monitor has looked so often.
private func spin(for count: Int, _ looks: Counter) {
    let start = looks.value
    spin { looks.value > start + count }
}
