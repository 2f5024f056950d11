// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Loops
import Testing

@Suite("Virtual time")
struct VirtualLoopTests {
    @Test("time passes only when told, timers fire at their own instants")
    func advance() throws {
        let loop = VirtualLoop()
        let order = OrderRecorder()
        _ = loop.schedule(after: .seconds(2)) { order.record("b \(loop.now)") }
        _ = loop.schedule(after: .seconds(1)) { order.record("a \(loop.now)") }
        try loop.runUntilIdle()
        #expect(order.entries == [])
        try loop.advance(by: .seconds(3))
        #expect(order.entries == ["a 1.0 s", "b 2.0 s"])
        #expect(loop.now == LoopInstant(nanoseconds: 3_000_000_000))
    }
}
