// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CSignals
import ConversionTesting
import Dispatch
import Foundation
import Futures
import Loops
import SignalBridge
import Testing

extension SignalBridgeTests {
    @Suite("Whose signal it is") struct OwnershipTests {
        @Test("E8, SG8: the last handler's leaving brings back the old disposition, with its flags")
        func restored() throws {
            let before = disposition(of: .windowChange)
            let handlers = try (1...2).map { _ in try Signal.windowChange.handle { _ in } }
            let during = disposition(of: .windowChange)
            #expect(during.handler > 1 && during.flags & Int32(SA_RESTART) != 0)
            handlers[0].cancel()
            #expect(disposition(of: .windowChange) == during)
            handlers[1].cancel()
            #expect(disposition(of: .windowChange) == before)
            // Ignored stays ignored.
            signal(SIGWINCH, SIG_IGN)
            defer { signal(SIGWINCH, SIG_DFL) }
            let ignored = disposition(of: .windowChange)
            try Signal.windowChange.handle { _ in }.cancel()
            #expect(disposition(of: .windowChange) == ignored && ignored.handler == 1)
        }

        @Test("SG8: a handler that somebody else installs meanwhile stays, which is reported; new ones are refused")
        func displaced() async throws {
            let collector = ReportCollector(containing: "SIGWINCH")
            let handler = try Signal.windowChange.handle { _ in }
            signal(SIGWINCH) { _ in }
            defer { signal(SIGWINCH, SIG_DFL) }
            let foreign = disposition(of: .windowChange)
            #expect(throws: SignalUnavailable.self) { try Signal.windowChange.handle { _ in } }
            handler.cancel()
            #expect(disposition(of: .windowChange) == foreign)
            #expect(await collector.settledReports().count == 1)
        }

        @Test(
            "SG9: a signal that a foreign handler holds is refused, by throwing, as the end and as the outcome; the owner is named"
        )
        func foreign() async throws {
            signal(SIGTTIN) { _ in }
            defer { signal(SIGTTIN, SIG_DFL) }
            let held = Signal(rawValue: SIGTTIN)
            let error = #expect(throws: SignalUnavailable.self) { try held.handle { _ in } }
            guard case .held(let owner)? = error?.reason else {
                Issue.record("\(String(describing: error))")
                return
            }
            let program = CommandLine.arguments[0].split(separator: "/").last.map(String.init) ?? ""
            #expect(owner.contains(program) || owner.contains(".so") || owner.contains("xctest"), "\(owner)")
            #expect("\(error!)".contains("SIGTTIN") && "\(error!)".contains(owner))
            let ends = Log<Bool>()
            held.subscribe({ _ in }, onEnd: { ends.add($0 is SignalUnavailable) })
            #expect(ends.all == [true])
            await #expect(throws: SignalUnavailable.self) { try await held.next().value }
            await #expect(throws: SignalUnavailable.self) { for try await _ in held.stream() {} }
            // None of several is taken if one cannot be.
            #expect(throws: SignalUnavailable.self) { try Signals.source(.user1, held).handle { _ in } }
            #expect(disposition(of: .user1).handler == 0)
        }

        @Test("SG8: a handler of ours that somebody saved and put back later does what was there before")
        func putBackLater() async {
            await #expect(processExitsWith: .signal(SIGTERM)) {
                let handler = try Signal.terminate.handle { _ in }
                var saved = sigaction()
                var other = sigaction()
                unsafe other.__sigaction_handler.sa_handler = SIG_IGN
                unsafe sigaction(SIGTERM, &other, &saved)
                handler.cancel()
                unsafe sigaction(SIGTERM, &saved, nil)
                kill(getpid(), SIGTERM)
                _ = await eventually(within: .seconds(30)) { false }
            }
        }

        @Test("SG9: Dispatch is named when it holds the signal")
        func dispatch() async {
            await #expect(processExitsWith: .exitCode(42)) {
                let source = DispatchSource.makeSignalSource(signal: SIGUSR1)
                source.setEventHandler {}
                source.activate()
                // Dispatch installs on a thread of its own.
                guard await eventually({ disposition(of: .user1).handler > 1 }) else { exit(1) }
                do {
                    try Signal.user1.handle { _ in }
                    exit(2)
                } catch let error as SignalUnavailable {
                    exit("\(error)".contains("Dispatch") ? 42 : 3)
                } catch { exit(4) }
            }
        }

        @Test(
            "SG10: signals that cannot be caught are refused with the reason",
            arguments: [
                (Signal.kill, SignalUnavailable.Reason.uncatchable), (.stop, .uncatchable),
                (Signal(rawValue: SIGSEGV), .fault), (Signal(rawValue: SIGABRT), .fault),
                (Signal(rawValue: 0), .outOfRange(last: sy_signal_last())),
                (Signal(rawValue: -1), .outOfRange(last: sy_signal_last())),
                (Signal(rawValue: 4_000), .outOfRange(last: sy_signal_last())),
            ]
        )
        func refused(_ signal: Signal, _ reason: SignalUnavailable.Reason) async throws {
            let error = #expect(throws: SignalUnavailable.self) { try signal.handle { _ in } }
            #expect(error?.reason == reason && error?.signal == signal)
            #expect("\(error!)".contains("\(signal)"))
            await #expect(throws: SignalUnavailable.self) { try await signal.next().value }
        }

        @Test(
            "SG10: numbers that the C library keeps, a number that cannot be sent, and no signal at all are refused, too"
        )
        func odd() async {
            #if os(Linux)
            #expect(throws: SignalUnavailable.self) { try Signal(rawValue: 32).handle { _ in } }
            #endif
            #expect(throws: SignalUnavailable.self) { try Signal(rawValue: 4_000).raise() }
            #expect(throws: SignalUnavailable.self) { try Signal(rawValue: 0).raise() }
            #expect(throws: EmptyInput.self) { try Signals.source().handle { _ in } }
            #expect(Signal(rawValue: SIGHUP).description == "SIGHUP" && Signal(rawValue: 50).description == "signal 50")
        }

        @Test("SG8: somebody who stops the registry's loop ends all handlers with LoopClosed; the next one works again")
        func stoppedLoop() async {
            // Of a process of its own: everybody's handlers end.
            await #expect(processExitsWith: .exitCode(42)) {
                let ends = Log<Bool>()
                let before = disposition(of: .user1)
                Signal.user1.subscribe(
                    { _ in (CurrentLoop.current as? IOLoop)?.stop() },
                    onEnd: { ends.add($0 is LoopClosed) }
                )
                try Signal.user1.raise()
                guard await eventually({ ends.all == [true] }) else { exit(1) }
                guard await eventually({ disposition(of: .user1) == before }) else { exit(2) }
                let next = Signal.user1.next().future()
                try Signal.user1.raise()
                exit(try await next.value.signal == .user1 ? 42 : 3)
            }
        }
    }
}
