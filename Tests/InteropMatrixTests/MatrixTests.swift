// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import InteropMatrix
import Testing

@Suite(.serialized) struct MatrixTests {
    @Test(
        "IM1: every source, into every sink, in every case: the outcome comes once, on the promised executor, in context"
    )
    func allCells() async {
        let report = await Matrix().run()
        #expect(report.failed.isEmpty, "\(report)")
        #expect(report.notApplicable.count * 10 <= report.entries.count)
    }

    @Test("IM1: the README shows the table as it is")
    func readme() async throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(
            contentsOf: root.deletingLastPathComponent().appendingPathComponent("README.md"),
            encoding: .utf8
        )
        let table = await "\(Matrix().run())".split(separator: "\n", omittingEmptySubsequences: false)
        #expect(text.contains(table.map { $0.isEmpty ? "" : "    \($0)" }.joined(separator: "\n")))
    }

    @Test("IM2: a bridge that is broken on purpose turns exactly its cells red", arguments: Sabotage.allCases)
    func sabotage(_ sabotage: Sabotage) async {
        let report = await Matrix(sabotage: sabotage).run()
        let expected = report.entries.filter { entry in
            guard entry.reason == nil else { return false }
            return switch sabotage {
            // Whoever has left is told nothing, so not twice and nowhere else.
            case .double: entry.sink == "callback" && entry.case != .cancelledByConsumer
            case .executor: entry.sink == "C callback" && entry.case != .cancelledByConsumer
            case .drop: entry.sink == "Deferred"
            case .cancel: entry.sink == "await" && entry.case == .cancelledByConsumer
            }
        }
        let words: (MatrixReport.Entry) -> String = { "\($0.source) -> \($0.sink), \($0.case)" }
        #expect(report.failed.map(words) == expected.map(words))
        #expect(!expected.isEmpty)
    }
}
