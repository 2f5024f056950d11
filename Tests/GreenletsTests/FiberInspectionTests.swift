// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

@Suite("Fibers: looking at them")
struct FiberInspectionTests {
    @Test("G7: the description says pending, running, suspended or dead, and where the fiber belongs")
    func descriptions() async throws {
        try await onThread {
            let fiber = Fiber<String>(name: "worker") { _ in
                let seen = "\(Fiber<String>.current)"
                return try Fiber.current.parent!.switch(seen)
            }
            #expect("\(fiber)".hasPrefix("fiber worker (pending) of thread 0x"))
            #expect(try send("", to: fiber).hasPrefix("fiber worker (running)"))
            #expect("\(fiber)".hasPrefix("fiber worker (suspended)"))
            try send("", to: fiber)
            #expect("\(fiber)".hasPrefix("fiber worker (dead)"))
        }
    }
}
