// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Loops
import Testing

@Suite("Periodic calls")
struct PeriodicTests {
    private func seconds(_ loop: VirtualLoop) -> Double { Double(loop.now.nanoseconds) / 1e9 }

    @Test("T18: the first call comes after one period, the others from start to start, until the stop")
    func rhythm() throws {
        let loop = VirtualLoop()
        defer { loop.stop() }
        let times = OrderRecorder()
        let call = try loop.every(.seconds(2)) { times.record("\(seconds(loop))") }
        try loop.advance(by: .seconds(7))
        #expect(times.entries == ["2.0", "4.0", "6.0"])
        call.stop()
        try loop.advance(by: .seconds(7))
        #expect(call.calls == 3)
        #expect(loop.pendingTimers == 0)
    }

    @Test("T18: asynchronous calls never overlap, and ticks that one overran are skipped")
    func noOverlap() throws {
        let loop = VirtualLoop()
        defer { loop.stop() }
        let events = OrderRecorder()
        let call = try loop.every(.seconds(2)) {
            events.record("start \(seconds(loop))")
            try await loop.clock.sleep(for: .seconds(5))
            events.record("end \(seconds(loop))")
        }
        try loop.advance(by: .seconds(16))
        #expect(
            events.entries == ["start 2.0", "end 7.0", "start 8.0", "end 13.0", "start 14.0"]
        )
        call.stop()
        try loop.advance(by: .seconds(16))
        #expect(events.entries.last == "end 19.0")
    }

    @Test("T18: calls that return an operation never overlap either")
    func noOverlapStarting() throws {
        let loop = VirtualLoop()
        defer { loop.stop() }
        let events = OrderRecorder()
        let call = try loop.every(
            .seconds(2),
            starting: { () -> Future<Void> in
                events.record("start \(seconds(loop))")
                return Future<Void>.sleep(for: .seconds(3), on: loop)
            }
        )
        try loop.advance(by: .seconds(11))
        #expect(events.entries == ["start 2.0", "start 6.0", "start 10.0"])
        call.stop()
    }

    @Test("T18: a call goes on after an error, which is reported")
    func goesOnAfterErrors() async throws {
        let reports = ReportCollector(containing: "periodic-oops-18")
        let loop = VirtualLoop()
        defer { loop.stop() }
        let calls = Counter()
        let sync = try loop.every(.seconds(1)) { throw Oops("periodic-oops-18 \(calls.add())") }
        let async = try loop.every(.seconds(1)) { () async throws -> Void in
            throw Oops("periodic-oops-18 \(calls.add())")
        }
        let starting = try loop.every(
            .seconds(1),
            starting: { () throws -> Future<Void> in
                throw Oops("periodic-oops-18 \(calls.add())")
            }
        )
        try loop.advance(by: .milliseconds(3500))
        #expect(calls.value == 9)
        #expect(await reports.settledReports().count == 9)
        for call in [sync, async, starting] { call.stop() }
    }

    @Test("T18: a period that is not positive is refused, and so is an impossible jitter")
    func refusals() {
        let loop = VirtualLoop()
        defer { loop.stop() }
        for period in [Duration.zero, .seconds(-1)] {
            #expect(throws: InvalidPeriod.self) { try loop.every(period) {} }
        }
        #expect(throws: InvalidPeriod.self) { try loop.every(.seconds(1), jitter: -0.1) {} }
        #expect(throws: InvalidPeriod.self) { try loop.every(.seconds(1), jitter: .nan) {} }
        #expect(loop.pendingTimers == 0)
    }

    @Test("T18: jitter moves each step within its window around the period")
    func jitter() throws {
        let loop = VirtualLoop()
        defer { loop.stop() }
        let times = Cell<[Double]>([0])
        let call = try loop.every(.seconds(10), jitter: 0.2) { times.value.append(seconds(loop)) }
        try loop.advance(by: .seconds(2000))
        call.stop()
        let steps = zip(times.value.dropFirst(), times.value).map(-)
        #expect(steps.count > 150)
        #expect(steps.allSatisfy { (9.0...11.0).contains($0) })
        #expect(Set(steps).count > 10)
    }

    @Test("T18: a call can stop itself, and the loop's stop ends the calls")
    func stopping() throws {
        let loop = VirtualLoop()
        defer { loop.stop() }
        let own = Cell<PeriodicCall?>(nil)
        own.value = try loop.every(.seconds(1)) { own.value?.stop() }
        try loop.advance(by: .seconds(5))
        #expect(own.value?.calls == 1)
        #expect(own.value?.isStopped == true)
        let endless = try loop.every(.seconds(1)) {}
        loop.stop()
        try loop.advance(by: .seconds(5))
        #expect(endless.calls == 0)
        #expect(loop.pendingTimers == 0)
    }

    @Test("T18: a period of any length is kept, also one that no instant can express", arguments: [0, 0.5])
    func endlessPeriod(_ jitter: Double) async throws {
        let loop = VirtualLoop()
        for period in [Duration.seconds(Int64.max), .nanoseconds(Int64.max)] {
            let calls = Counter()
            let periodic = try loop.every(period, jitter: jitter) { calls.add() }
            try loop.advance(by: .seconds(86_400))
            #expect(calls.value == 0)
            periodic.stop()
        }
        #expect(LoopInstant(nanoseconds: 1).advanced(by: .seconds(Int64.max)) == .distantFuture)
        #expect(LoopInstant(nanoseconds: -2).advanced(by: .seconds(Int64.min)).nanoseconds == .min)
    }
}
