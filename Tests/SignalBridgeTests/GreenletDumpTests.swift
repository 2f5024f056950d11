// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Foundation
import Futures
import Greenlets
import Loops
import SignalBridge
import Testing

extension SignalBridgeTests {
    @Suite("Greenlets made visible") struct GreenletDumpTests {
        @Test("V33: a signal has all greenlets dumped, until it is cancelled")
        func dumps() async throws {
            let loop = try IOLoop.onOwnThread(name: "seen from outside")
            let gate = Promise<Void>()
            let greenlet = Greenlet.spawn(on: loop, name: "waits at the gate") { try gate.future.wait() }
            let log = Log<String>()
            let subscription = try Signal.user2.dumpsGreenlets(to: { log.add($0) }, within: .seconds(10))
            try Signal.user2.raise()
            #expect(await eventually { log.count > 0 })
            let text = log.all.joined()
            #expect(text.contains("greenlets on loop \"seen from outside\"\n  waits at the gate"), "\(text)")
            subscription.cancel()
            #expect(Signal.user2.handlerCount == 0)
            gate.succeed(())
            try await greenlet.value
            loop.stop()
        }

        @Test("V33: SIGURG is the monitor's while that runs, by name, and does afterwards what it did before")
        func owner() async {
            await #expect(processExitsWith: .success) {
                let urgent = Signal(rawValue: SIGURG)
                // Ignored stays ignored.
                signal(SIGURG, SIG_IGN)
                let before = disposition(of: urgent)
                let monitors = try (0..<2).map { _ in try HubMonitor.start() }
                let during = disposition(of: urgent)
                #expect(during.handler > 1)
                #expect(during.flags & Int32(SA_RESTART) != 0 && during.flags & Int32(SA_ONSTACK) != 0)
                let refused = #expect(throws: SignalUnavailable.self) { try urgent.handle { _ in } }
                #expect("\(refused!)".contains("HubMonitor"), "\(refused!)")
                monitors[0].stop()
                monitors[0].stop()
                #expect(disposition(of: urgent) == during)
                monitors[1].stop()
                #expect(disposition(of: urgent) == before)
                // The other way round.
                let handler = try urgent.handle { _ in }
                #expect(throws: GreenletMisuse.self) { try HubMonitor.start() }
                try HubMonitor.start(samples: false).stop()
                #expect(disposition(of: urgent).handler > 1)
                handler.cancel()
                #expect(disposition(of: urgent) == before)
                try HubMonitor.start().stop()
            }
        }
    }
}
