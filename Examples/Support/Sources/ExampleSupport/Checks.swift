// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Foundation
public import Switchyard

/// A table of what was expected and what came, printed as it grows.
public actor Checks {
    private let loop: IOLoop
    private var wrong = 0

    /// Prints the heading, and ends the process when the limit has passed: what hangs is wrong, too.
    public init(_ title: String, on loop: IOLoop, limit: Duration) {
        self.loop = loop
        print("\(title)\n\(Self.row("check", "style", "outcome"))")
        let seconds = UInt32(limit.components.seconds)
        Thread.detachNewThread {
            sleep(seconds)
            print("WRONG: not done after \(limit)")
            exit(1)
        }
    }

    /// Starts the call a number of times in each style, all at once.
    public nonisolated func inEachStyle<Value: Sendable>(
        _ call: Call<Value>,
        times: Int = 1
    ) -> [Style: [Future<Value>]] {
        let runs = Style.allCases.map { style in (style, (1...times).map { _ in style.start(call, on: loop) }) }
        return Dictionary(uniqueKeysWithValues: runs)
    }

    /// Compares the outcomes of runs.
    ///
    /// - Parameter expected: What the text of each outcome has to begin with, or one of several.
    public func check<Value: Sendable>(_ name: String, _ runs: [Style: [Future<Value>]], is expected: [String]) async {
        for style in Style.allCases {
            let futures = runs[style] ?? []
            var counts: [String: Int] = [:]
            for future in futures { counts[await Self.text(of: future), default: 0] += 1 }
            for (outcome, count) in counts.sorted(by: { $0.key < $1.key }) {
                let count = futures.count > 1 ? "\(count) x " : ""
                let isRight = expected.contains { outcome.hasPrefix($0) }
                if !isRight { wrong += 1 }
                let remark = isRight ? "" : "  WRONG: expected \(expected.joined(separator: " or "))"
                print(Self.row(name, style.rawValue, count + outcome.prefix(70) + remark))
            }
        }
    }

    /// Prints the last line.
    ///
    /// - Returns: The exit status.
    public func finish() -> Int32 {
        print(wrong == 0 ? "all as expected" : "WRONG: \(wrong)")
        return wrong == 0 ? 0 : 1
    }

    private static func text<Value>(of future: Future<Value>) async -> String {
        do { return "\(try await future.value)" } catch { return "\(error)" }
    }

    private static func row(_ name: String, _ style: String, _ outcome: String) -> String {
        let columns = [(name, 32), (style, 10)].map { text, width in
            text.padding(toLength: width, withPad: " ", startingAt: 0)
        }
        return columns.joined() + outcome
    }
}
