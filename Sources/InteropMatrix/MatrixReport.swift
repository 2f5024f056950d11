// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// What came of all cells.
public struct MatrixReport: Sendable, CustomStringConvertible {
    /// One cell, in words.
    public struct Entry: Sendable {
        /// The style of the source.
        public let source: String
        /// The verb.
        public let sink: String
        /// What happened.
        public let `case`: Case
        /// Why it does not apply, if it does not.
        public let reason: Reason?
        /// What was not as it has to be; empty if all was.
        public let problems: [String]
    }

    /// All cells, by source, sink and case.
    public let entries: [Entry]

    init(_ cells: [(Cell, Cell.Verdict)]) {
        entries = cells.map { cell, verdict in
            var reason: Reason?
            var problems: [String] = []
            switch verdict {
            case .ok: break
            case .notApplicable(let why): reason = why
            case .failed(let what): problems = what
            }
            return Entry(
                source: cell.source.name,
                sink: cell.sink.name,
                case: cell.case,
                reason: reason,
                problems: problems
            )
        }
    }

    /// The cells that failed.
    public var failed: [Entry] { entries.filter { !$0.problems.isEmpty } }

    /// The cells that do not apply.
    public var notApplicable: [Entry] { entries.filter { $0.reason != nil } }

    /// The last line.
    public var summary: String {
        let good = entries.count - failed.count - notApplicable.count
        return "cells \(entries.count) ok \(good) n/a \(notApplicable.count) failed \(failed.count)"
    }

    /// The table, what does not apply and why, what failed, and the summary.
    public var description: String {
        var text = table + "\n"
        if !notApplicable.isEmpty {
            text += "\nnot applicable, into any sink:\n" + reasons.map { "  \($0)\n" }.joined()
        }
        if !failed.isEmpty {
            text += "\nfailed:\n"
            for entry in failed {
                let what = entry.problems.joined(separator: "; ")
                text += "  \(entry.source) -> \(entry.sink), \(entry.case.rawValue): \(what)\n"
            }
        }
        return text + "\n" + summary
    }

    private var table: String {
        let sources = unique(entries.map(\.source))
        let sinks = unique(entries.map(\.sink))
        let first = max("source".count, sources.map(\.count).max() ?? 0)
        var lines = [padded("source", first) + sinks.map { "  " + $0 }.joined()]
        for source in sources {
            let texts = sinks.map { sink in
                let text = count(entries.filter { $0.source == source && $0.sink == sink })
                return "  " + padded(text, sink.count, atEnd: true)
            }
            lines.append(padded(source, first) + texts.joined())
        }
        return lines.joined(separator: "\n")
    }

    /// How many cases held, and how many did not.
    private func count(_ cases: [Entry]) -> String {
        let failed = cases.count { !$0.problems.isEmpty }
        let good = cases.count { $0.problems.isEmpty && $0.reason == nil }
        return failed == 0 ? "\(good)" : "\(good)-\(failed)"
    }

    /// By source, as they are the same for every sink.
    private var reasons: [String] {
        unique(notApplicable.map(\.source)).map { source in
            let own = notApplicable.filter { $0.source == source }
            let texts = Reason.allCases.compactMap { reason -> String? in
                let cases = unique(own.filter { $0.reason == reason }.map(\.case.rawValue))
                return cases.isEmpty ? nil : "\(cases.joined(separator: ", ")) (\(reason.rawValue))"
            }
            return "\(source): \(texts.joined(separator: "; "))"
        }
    }

    private func padded(_ text: String, _ width: Int, atEnd: Bool = false) -> String {
        let space = String(repeating: " ", count: max(0, width - text.count))
        return atEnd ? space + text : text + space
    }

    /// Each once, in the order they come.
    private func unique(_ texts: [String]) -> [String] {
        var seen: Set<String> = []
        return texts.filter { seen.insert($0).inserted }
    }
}
