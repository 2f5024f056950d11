// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

@Suite("Asserting that a greenlet lets others run")
struct SwitchAssertionTests {
    /// A clock that the test turns, in milliseconds.
    private static func assertSwitches<Result>(
        within milliseconds: Int?,
        _ clock: Counter,
        _ body: () throws -> Result
    ) throws -> Result {
        try Greenlet.assertSwitches(
            within: milliseconds.map { .milliseconds($0) },
            clock: { LoopInstant(nanoseconds: Int64(clock.value) * 1_000_000) },
            body
        )
    }

    @Test("V33: a scope tells if the greenlet held its thread for too long at a time; what others take is not counted")
    func stretches() async throws {
        try await onVirtualLoop { (loop) throws in
            let clock = Counter()
            let greenlet = Greenlet.spawn(on: loop, name: "watched") {
                let other = Greenlet.spawn {
                    for _ in 0..<4 {
                        clock.add(1_000)
                        try Greenlet.yield()
                    }
                }
                let value = try Self.assertSwitches(within: 10, clock) {
                    for _ in 0..<3 {
                        clock.add(10)
                        try Greenlet.yield()
                    }
                    clock.add(10)
                    return 7
                }
                #expect(value == 7 && !other.isDead)
                let error =
                    failure {
                        try Self.assertSwitches(within: 10, clock) {
                            try Greenlet.yield()
                            clock.add(11)
                            try Greenlet.sleep(for: .seconds(1))
                        }
                    } as? FailedToSwitch
                #expect(
                    error?.longest == .milliseconds(11) && error?.limit == .milliseconds(10) && error?.switches == 2
                )
                #expect(error?.greenlet.contains("watched") == true && "\(error!)".contains("\(#fileID)"))
                // Also at the very end, and where it never switches.
                let late = failure {
                    try Self.assertSwitches(within: 10, clock) {
                        try Greenlet.yield()
                        clock.add(12)
                    }
                }
                #expect(late is FailedToSwitch)
                try Self.assertSwitches(within: 10, clock) { clock.add(9) }
                // Outside of the scope nobody looks.
                clock.add(100)
            }
            try loop.advance(by: .seconds(2))
            try loop.run(until: greenlet)
        }
    }

    @Test("V33: without a limit a scope asks for one switch; scopes nest; an error of the body comes first")
    func switches() async throws {
        let reports = ReportCollector(containing: "the greenlet impatient")
        try await onVirtualLoop { (loop) throws in
            let greenlet = Greenlet.spawn(on: loop, name: "impatient") { try Self.useScopes() }
            try loop.advance(by: .seconds(2))
            try loop.run(until: greenlet)
            let outside = failure { try Greenlet.assertSwitches { () throws -> Void in } }
            #expect(outside is GreenletMisuse)
        }
        let texts = await reports.settledReports().map { "\($0)" }
        #expect(texts.count == 1, "\(texts)")
    }

    private static func useScopes() throws {
        #expect(failure { try Greenlet.assertSwitches { () throws -> Void in } } is FailedToSwitch)
        try Greenlet.assertSwitches { try Greenlet.yield() }
        try Greenlet.assertSwitches {
            let inner = failure { try Greenlet.assertSwitches { () throws -> Void in } }
            #expect(inner is FailedToSwitch)
            try Greenlet.assertSwitches { try Greenlet.sleep(for: .seconds(1)) }
        }
        let own = failure { try Greenlet.assertSwitches { () throws -> Void in throw Oops() } }
        #expect(own is Oops, "\(String(describing: own))")
    }

    @Test("V33: a scope looks at a portal in the same way")
    func portals() async throws {
        try await onLoop { (loop) async throws in
            let clock = Counter()
            try await Greenlet.run(on: loop) {
                try Self.assertSwitches(within: 10, clock) {
                    clock.add(9)
                    try Greenlet.await { clock.add(1_000) }
                    clock.add(9)
                    try Greenlet.yield()
                    clock.add(9)
                }
                let late = failure {
                    try Self.assertSwitches(within: 10, clock) {
                        clock.add(11)
                        try Greenlet.sleep(for: .milliseconds(1))
                    }
                }
                #expect(late is FailedToSwitch, "\(String(describing: late))")
            }
        }
    }
}

/// What was thrown.
private func failure(_ body: () throws -> Void) -> (any Error)? {
    do { try body() } catch { return error }
    return nil
}
