// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// Collects the reports that a predicate picks, while it is alive.
///
/// Tests run side by side in one process and share the `Reporter`: choose by something only your test says. What nobody
/// picks goes where it went before.
public final class ReportCollector: Sendable {
    private let predicate: @Sendable (Report) -> Bool
    private let collected = Lock<[Report]>([])

    /// Starts collecting.
    public init(where predicate: @escaping @Sendable (Report) -> Bool) {
        self.predicate = predicate
        Switchboard.shared.add(self)
    }

    /// Starts collecting the reports whose text contains `text`.
    public convenience init(containing text: String) { self.init { "\($0)".contains(text) } }

    /// What was collected so far. Reports arrive through a background thread; see ``settled()``.
    public var reports: [Report] { collected.withLock { $0 } }

    /// What was collected, after everything reported before this call has arrived.
    ///
    /// Blocks for as long as the sink needs for what was handed to it; see ``settledReports()`` for async tests.
    public func settled() -> [Report] {
        Reporter.flush()
        return reports
    }

    /// What was collected, after everything reported before this call has arrived.
    public func settledReports() async -> [Report] {
        await withCheckedContinuation { continuation in
            Drain.shared.post { Drain.reports.post { continuation.resume() } }
        }
        return reports
    }

    fileprivate func take(_ report: Report) -> Bool {
        guard predicate(report) else { return false }
        collected.withLock { $0.append(report) }
        return true
    }

    /// All collectors of the process, so that those of parallel tests do not unseat each other.
    private final class Switchboard: Sendable {
        static let shared = Switchboard()

        private struct Line { weak var collector: ReportCollector? }

        private let lines = Lock<[Line]>([])

        private init() {
            Reporter.tap { report in Switchboard.shared.route(report) }
        }

        func add(_ collector: ReportCollector) {
            lines.withLock { lines in
                lines.removeAll { $0.collector == nil }
                lines.append(Line(collector: collector))
            }
        }

        private func route(_ report: Report) -> Bool {
            let collectors = lines.withLock { $0.compactMap(\.collector) }
            return collectors.count { $0.take(report) } > 0
        }
    }
}
