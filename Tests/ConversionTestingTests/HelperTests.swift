// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Testing

@Suite("Helpers of tests")
struct HelperTests {
    @Test("onThread runs outside of any task, hands values on and throws errors on")
    func onPlainThread() async throws {
        struct Oops: Error {}
        let isOutside = try await onThread { unsafe withUnsafeCurrentTask { unsafe $0 == nil } }
        #expect(isOutside)
        await #expect(throws: Oops.self) { try await onThread { throw Oops() } }
    }

    @Test("eventually looks until the condition holds, and gives up at its limit")
    func looking() async throws {
        let looks = OrderRecorder()
        let came = await eventually {
            looks.record("look")
            return looks.count == 150
        }
        #expect(came)
        let gaveUp = await eventually(within: .milliseconds(2)) { false }
        #expect(!gaveUp)
        let blocked = try await onThread { (blockUntil { true }, blockUntil(within: .milliseconds(2)) { false }) }
        #expect(blocked == (true, false))
    }

    @Test("collectors get what they pick, side by side")
    func collecting() async {
        let (a, b) = (ReportCollector(containing: "helper-a"), ReportCollector(containing: "helper-b"))
        for text in ["helper-a 1", "helper-b 1", "helper-a 2"] { Reporter.report(.message(text)) }
        #expect(await a.settledReports().map { "\($0)" } == ["helper-a 1", "helper-a 2"])
        #expect(b.reports.map { "\($0)" } == ["helper-b 1"])
    }
}
