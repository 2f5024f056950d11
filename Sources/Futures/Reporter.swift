// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Something that would be lost in silence, reported to the ``Reporter``.
public enum Report: Sendable, CustomStringConvertible {
    /// A future failed, was released, and nobody had ever observed it.
    case unobservedFailure(error: any Error, label: String?, created: SourceSite?, completed: SourceSite?)
    /// An input of a combinator failed after the combinator had its outcome, or is not the failure it ended with.
    case secondaryFailure(error: any Error, combinator: String)
    /// A completion of a promise that was completed already; the first outcome stands.
    case completedTwice(label: String?, created: SourceSite?, first: SourceSite?, second: SourceSite)
    /// A done-callback threw; the others went on.
    case observerThrew(any Error)
    /// Something else that a module of Switchyard has to say.
    case message(String)

    /// What happened, where it began, what to do.
    public var description: String {
        switch self {
        case .unobservedFailure(let error, let label, let created, let completed):
            "an error was never observed: \(error.sentence) The future was created at"
                + " \(SourceSite.describe(created, label: label))\(completed.map { ", failed at \($0)" } ?? "")."
                + " Add a callback, await it, wait for it, or recover."
        case .secondaryFailure(let error, let combinator):
            "an input of \(combinator) failed, but the result had another outcome: \(error.sentence) Use allSettled to get every error."
        case .completedTwice(let label, let created, let first, let second):
            "a promise was completed a second time at \(second); the first outcome"
                + "\(first.map { " (completed at \($0))" } ?? "") stands. The promise was created at"
                + " \(SourceSite.describe(created, label: label)). Use tryComplete where several may complete it."
        case .observerThrew(let error):
            "a done-callback threw \(error.sentence) Its future and the other observers are not affected; handle the error there, or"
                + " use map."
        case .message(let text): text
        }
    }
}

/// Where reports of lost errors and of misuse go: standard error, unless replaced.
///
/// - Executor: Reports are delivered one after the other on a background thread of their own, so a slow or throwing sink
///   never blocks or enters the code that caused them (Crochet: logging through a thread).
public enum Reporter {
    /// In a struct: a function that is the lock's whole state would be wrapped in two thunks more at each look (6.3.1).
    private struct Way: Sendable {
        var sink: @Sendable (Report) -> Void
        var tap: (@Sendable (Report) -> Bool)?
    }

    private static let way = ProcessLock(Way(sink: standardError))

    /// Replaces the sink.
    ///
    /// - Returns: The one that was in place.
    @discardableResult
    public static func replace(
        with newSink: @escaping @Sendable (Report) -> Void
    ) -> @Sendable (Report) -> Void {
        way.withLock { way in
            defer { way.sink = newSink }
            return way.sink
        }
    }

    /// Writes `switchyard: …` to standard error: the default sink.
    public static let standardError: @Sendable (Report) -> Void = { report in
        StandardError.write("switchyard: \(report)\n")
    }

    /// Hands a report on. What the sink itself causes while it runs goes to standard error.
    public static func report(_ report: Report) {
        if Drain.reports.isCurrent, sinkIsRunning.load(ordering: .relaxed) {
            standardError(report)
            return
        }
        Drain.reports.post {
            sinkIsRunning.store(true, ordering: .relaxed)
            defer { sinkIsRunning.store(false, ordering: .relaxed) }
            let way = way.withLock { $0 }
            if let tap = way.tap, tap(report) { return }
            way.sink(report)
        }
    }

    /// Waits until everything that is due by now has been reported. For tests and for the end of a program.
    package static func flush() {
        // What runs on the drain reports, too.
        Drain.shared.flush()
        Drain.reports.flush()
    }

    /// Looks at reports before the sink does, whoever replaces that: for the collectors of tests, which share a process.
    ///
    /// - Parameter first: Returns true for what the sink is not to see.
    package static func tap(_ first: @escaping @Sendable (Report) -> Bool) { way.withLock { $0.tap = first } }

    /// Touched by the thread of the reports alone.
    private static let sinkIsRunning = Atomic(false)
}
