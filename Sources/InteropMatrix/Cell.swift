// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Loops

/// One source, one sink, one case.
struct Cell: Sendable {
    let number: Int
    let source: any Source.Type
    let sink: any Sink.Type
    let `case`: Case

    /// How the cell came out.
    enum Verdict: Sendable, Equatable {
        case ok
        case notApplicable(Reason)
        /// What was not as it has to be.
        case failed([String])
    }

    /// Tries it.
    ///
    /// - Parameter patience: Ends a cell in which something does not come.
    func run(on loop: IOLoop, patience: Duration, sabotage: Sabotage?) async -> Verdict {
        if let reason = source.reason(against: `case`) { return .notApplicable(reason) }
        let bench = Bench(loop: loop, number: number, patience: patience)
        do {
            let problems = try await Bench.$cell.withValue(number) {
                try await run(source, sink, Probe(bench, sabotage: sabotage), sabotage)
            }
            return problems.isEmpty ? .ok : .failed(problems)
        } catch {
            return .failed(["the cell could not be tried: \(error)"])
        }
    }

    private func run<S: Source, K: Sink>(
        _ source: S.Type,
        _ sink: K.Type,
        _ probe: Probe,
        _ sabotage: Sabotage?
    ) async throws -> [String] {
        let bench = probe.bench
        let source = try await S(bench)
        let reports = ReportCollector(containing: S.secondReport(bench))
        if `case` == .alreadyComplete {
            try await source.completeBefore(Self.value)
            if S.completesInPlace { bench.completesHere() }
        }
        let attachment = try K.attach(source.subject, probe)
        defer { attachment.end() }
        if `case` != .alreadyComplete {
            guard await bench.eventually({ attachment.isWaiting() && source.hasStarted }) else {
                attachment.cancel()
                return ["nobody began to wait"]
            }
            await bench.settle()
        }
        let second = Flag()
        try await act(source, attachment, bench, sabotage, second)
        var problems = await judge(probe, expected: expected(of: S.self, attachment))
        if `case` == .cancelledByConsumer, !(await bench.eventually { source.wasStopped }) {
            problems.append("the source was not told of the cancellation")
        }
        if !problems.isEmpty { attachment.cancel() }
        await source.arrive(bench)
        if `case` == .completedTwice, S.reportsSecond, !second.isSet, await reports.settledReports().isEmpty {
            problems.append("the second completion was not reported")
        }
        return problems
    }

    private static let value = 42

    /// What the consumer has to be told, once; nil is nothing.
    private func expected<S: Source>(of source: S.Type, _ attachment: Attachment) -> String? {
        switch `case` {
        case .value, .alreadyComplete, .otherThread, .completedTwice: "\(Self.value)"
        case .error: "CellError"
        case .cancelledBySource: "CancellationError"
        case .cancelledByConsumer: attachment.told
        case .dropped: S.dropError
        }
    }

    /// Does what the case is about.
    ///
    /// - Parameter second: Set if a second completion is refused on the spot.
    private func act<S: Source>(
        _ source: S,
        _ attachment: Attachment,
        _ bench: Bench,
        _ sabotage: Sabotage?,
        _ second: Flag
    ) async throws {
        let complete: @Sendable (Result<Int, any Error>) throws -> Void = { outcome in
            if S.completesInPlace { bench.completesHere() }
            try source.complete(outcome)
        }
        switch `case` {
        case .alreadyComplete: break
        case .value: try await bench.onLoop { try complete(.success(Self.value)) }
        case .error: try await bench.onLoop { try complete(.failure(CellError())) }
        case .cancelledBySource: try await bench.onLoop { try complete(.failure(CancellationError())) }
        case .completedTwice:
            try await bench.onLoop { try complete(.success(Self.value)) }
            await source.arrive(bench)
            try await bench.onLoop { do { try complete(.success(Self.value + 1)) } catch { second.set() } }
        case .otherThread:
            bench.startThread {
                // What is thrown shows as an outcome that does not come.
                do { try complete(.success(Self.value)) } catch { Reporter.report(.message("\(bench.label) \(error)")) }
            }
        case .cancelledByConsumer:
            if S.completesInPlace { bench.completesHere() }
            if sabotage != .cancel { attachment.cancel() }
        case .dropped: source.drop()
        }
    }

    private func judge(_ probe: Probe, expected: String?) async -> [String] {
        let bench = probe.bench
        guard let expected else {
            await bench.settle()
            return probe.deliveries.map { "the consumer had left, and was told \($0.outcome)" }
        }
        guard await bench.eventually({ !probe.deliveries.isEmpty }) else {
            return ["\(expected) was to come, and nothing came"]
        }
        await bench.settle()
        let deliveries = probe.deliveries
        var problems: [String] = []
        if deliveries.count > 1 { problems.append("the consumer was told \(deliveries.count) times") }
        for delivery in deliveries.prefix(1) {
            if delivery.outcome != expected { problems.append("\(expected) was to come, and \(delivery.outcome) came") }
            if !delivery.isOnExecutor { problems.append("the outcome came on another executor than the promised one") }
            if !delivery.isInContext { problems.append("the outcome came without its context") }
        }
        return problems
    }
}
