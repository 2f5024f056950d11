// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#if os(Linux)
import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

@Suite("Greenlets that wait for descriptors")
struct DescriptorWaitTests {
    @Test("H16: the second of two that wait for one descriptor is refused by name; the first goes on, and makes room")
    func second() async throws {
        try await onLoop { (loop) async throws in
            let pipe = Pipe()
            let order = OrderRecorder()
            let first = Greenlet.spawn(on: loop) {
                let ready = loop.readable(pipe.readEnd).future()
                order.record("first waits")
                try ready.wait()
                order.record("first goes on")
            }
            let second = Greenlet.spawn(on: loop) { () throws -> String in
                defer { order.record("second is refused") }
                do { try loop.readable(pipe.readEnd).wait() } catch let error as DescriptorError {
                    #expect(error.reason == .inUse)
                    return error.description
                }
                return "waited"
            }
            let refusal = try await second.value
            #expect(refusal.contains("\(pipe.readEnd)"))
            #expect(!first.isDead)
            // The other direction is another wait.
            try await Greenlet.spawn(on: loop) { try loop.writable(pipe.writeEnd).wait() }.value
            pipe.send()
            try await first.value
            #expect(order.entries == ["first waits", "second is refused", "first goes on"])
            try await Greenlet.spawn(on: loop) { try loop.readable(pipe.readEnd).wait() }.value
        }
    }
}
#endif
