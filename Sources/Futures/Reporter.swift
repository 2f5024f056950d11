// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// Something that would be lost in silence, reported to the ``Reporter``.
public enum Report: Sendable, CustomStringConvertible {
    /// A future failed, was released, and nobody had ever observed it.
    case unobservedFailure(error: any Error, created: SourceSite?, completed: SourceSite?)
    /// A completion of a promise that was completed already; the first outcome stands.
    case completedTwice(created: SourceSite?, first: SourceSite?, second: SourceSite)
    /// A done-callback threw; the others went on.
    case observerThrew(any Error)
    /// Something else that a module of Switchyard has to say.
    case message(String)

    /// What happened, where it began, what to do.
    public var description: String {
        switch self {
        case .unobservedFailure(let error, let created, let completed):
            "an error was never observed: \(error). The future was created at"
                + " \(SourceSite.describe(created, label: nil))\(completed.map { ", failed at \($0)" } ?? "")."
                + " Add a callback, await it, wait for it, or recover."
        case .completedTwice(let created, let first, let second):
            "a promise was completed a second time at \(second); the first outcome"
                + "\(first.map { " (completed at \($0))" } ?? "") stands. The promise was created at"
                + " \(SourceSite.describe(created, label: nil)). Use tryComplete where several may complete it."
        case .observerThrew(let error):
            "a done-callback threw \(error). Its future and the other observers are not affected; handle the error there, or"
                + " use map."
        case .message(let text): text
        }
    }
}

/// Where reports of lost errors and of misuse go: standard error, unless replaced.
///
/// - Executor: Reports are delivered one after the other on a background thread of the process, so a slow or throwing sink
///   never blocks or enters the code that caused them (Crochet: logging through a thread).
public enum Reporter {
    private static let sink = Lock<@Sendable (Report) -> Void>(standardError)

    /// Replaces the sink.
    ///
    /// - Returns: The one that was in place.
    @discardableResult
    public static func replace(
        with newSink: @escaping @Sendable (Report) -> Void
    ) -> @Sendable (Report) -> Void {
        sink.withLock { current in
            let old = current
            current = newSink
            return old
        }
    }

    /// Writes `switchyard: …` to standard error: the default sink.
    public static let standardError: @Sendable (Report) -> Void = { report in
        StandardError.write("switchyard: \(report)\n")
    }

    /// Hands a report on.
    public static func report(_ report: Report) {
        Drain.shared.post { sink.withLock { $0 }(report) }
    }
}
