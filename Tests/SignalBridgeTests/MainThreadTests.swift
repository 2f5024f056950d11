// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Foundation
import Testing

extension SignalBridgeTests {
    @Suite("Main threads") struct MainThreadTests {
        @Test("K6: Ctrl-C ends a wait of the main thread, promptly, and the program ends in its own way")
        func controlC() async throws {
            // A program of the package's, whose main thread blocks: the snippet that shows it.
            let program = Process()
            program.executableURL = Self.built("InterruptAWait")
            let output = Pipe()
            program.standardOutput = output
            try program.run()
            // Until its handler is there a signal would end it in the system's way.
            #expect(await eventually { Self.catches(SIGINT, program.processIdentifier) })
            #expect(kill(program.processIdentifier, SIGINT) == 0)
            #expect(await eventually { !program.isRunning })
            program.waitUntilExit()
            #expect(program.terminationReason == .exit && program.terminationStatus == 0)
            let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            #expect(text.contains("Interrupted: SIGINT") && text.contains("the long work"))
        }

        /// Built beside the tests.
        private static func built(_ name: String) -> URL {
            #if os(macOS)
            let tests = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }!.bundleURL
            #else
            let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
            #endif
            return tests.deletingLastPathComponent().appendingPathComponent(name)
        }

        /// Whether a process has a handler for a signal.
        private static func catches(_ signal: Int32, _ process: Int32) -> Bool {
            #if os(Linux)
            let status = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
            let line = status.split(separator: "\n").first { $0.hasPrefix("SigCgt:") } ?? ""
            let mask = UInt64(line.split(separator: "\t").last ?? "", radix: 16) ?? 0
            return mask & (1 << UInt64(signal - 1)) != 0
            #else
            return true
            #endif
        }
    }
}
