// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

@Suite("Kills that are swallowed")
struct SwallowedKillTests {
    /// Waits until it is let go, whatever comes.
    private static func stubborn(_ name: String, on loop: any Loop, until release: Counter) -> Greenlet<Void> {
        Greenlet.spawn(on: loop, name: name) {
            while release.value == 0 { try? Greenlet.sleep(for: .seconds(1_000)) }
        }
    }

    @Test(
        "V13: a greenlet that waits again after a second kill is reported, once; one that cleans up after the first is not"
    )
    func again() async throws {
        let reports = ReportCollector(containing: "swallows twice")
        let innocent = ReportCollector(containing: "cleans up slowly")
        try await onVirtualLoop { (loop) throws in
            let release = Counter()
            let greenlet = Self.stubborn("swallows twice", on: loop, until: release)
            let tidy = Greenlet.spawn(on: loop, name: "cleans up slowly") {
                do { try forever.future.wait() } catch {
                    try? Greenlet.sleep(for: .seconds(1))
                    throw error
                }
            }
            try loop.runUntilIdle()
            greenlet.kill()
            tidy.kill()
            try loop.runUntilIdle()
            #expect(reports.settled().isEmpty)
            greenlet.kill()
            try loop.runUntilIdle()
            #expect(reports.settled().count == 1)
            #expect("\(reports.settled()[0])".contains("waits again after a second kill"))
            greenlet.kill()
            // A second one that ends it is none that was swallowed.
            tidy.kill()
            try loop.runUntilIdle()
            #expect(tidy.isDead && !greenlet.isDead)
            release.add()
            greenlet.kill()
            try loop.runUntilIdle()
            #expect(greenlet.isDead)
        }
        #expect(await reports.settledReports().count == 1)
        #expect(await innocent.settledReports().isEmpty)
    }

    @Test(
        "V13: who joins a group, or several, in vain for so long is told which greenlets have swallowed a kill, and of no others"
    )
    func joins() async throws {
        let reports = ReportCollector(containing: "never ends")
        try await onVirtualLoop { (loop) throws in
            let release = Counter()
            let group = GreenletGroup(on: loop)
            group.add(Self.stubborn("never ends, joined as a group", on: loop, until: release))
            group.add(Greenlet.spawn(on: loop, name: "never ends, but was not killed") { try forever.future.wait() })
            let single = Self.stubborn("never ends, joined alone", on: loop, until: release)
            try loop.runUntilIdle()
            group.members[0].kill()
            single.kill()
            let joiner = Greenlet.spawn(on: loop) {
                #expect(throws: TimedOut.self) { try group.join(timeout: .seconds(1)) }
                #expect(throws: TimedOut.self) { try Greenlet.joinAll([single], timeout: .seconds(1)) }
            }
            try loop.advance(by: .seconds(3))
            #expect(joiner.isDead)
            release.add()
            group.kill()
            single.kill()
            try loop.runUntilIdle()
        }
        let texts = await reports.settledReports().map { "\($0)" }
        #expect(texts.count == 2 && texts.allSatisfy { $0.contains("in vain") }, "\(texts)")
        #expect(texts[0].contains("as a group") && texts[1].contains("alone"), "\(texts)")
    }

    @Test("V13, V33: the monitor reports, once, who lives too long after a kill was thrown, by the loop's clock")
    func outliving() async throws {
        let reports = ReportCollector(containing: "outlives its kill")
        let looks = Counter()
        try await onVirtualLoop { (loop) throws in
            var limits = HubMonitor.Limits()
            limits.holding = nil
            limits.afterKill = .milliseconds(40)
            limits.memory = .max
            let monitor = try HubMonitor.start(limits, of: [loop], samples: false) {
                looks.add()
                return 0
            }
            defer { monitor.stop() }
            func pass(_ count: Int) throws {
                let start = looks.value
                #expect(
                    try blockUntil {
                        try loop.runUntilIdle()
                        return looks.value > start + count
                    }
                )
            }
            let release = Counter()
            let greenlet = Self.stubborn("outlives its kill", on: loop, until: release)
            _ = Self.stubborn("was not killed", on: loop, until: release)
            try pass(3)
            greenlet.kill()
            try pass(8)
            #expect(reports.settled().isEmpty)
            try loop.advance(by: .seconds(5))
            #expect(
                try blockUntil {
                    try loop.runUntilIdle()
                    return reports.reports.count == 1
                }
            )
            try loop.advance(by: .seconds(5))
            try pass(8)
            release.add()
            greenlet.kill()
            try loop.runUntilIdle()
        }
        let texts = await reports.settledReports().map { "\($0)" }
        #expect(texts.count == 1 && texts[0].contains("lives 5.0 s after the error was thrown"), "\(texts)")
    }
}
