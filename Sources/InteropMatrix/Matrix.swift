// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import Loops

/// Every source, into every sink, in every case: tried, not derived.
public struct Matrix: Sendable {
    /// A new style adds its source and its sink here, and is proved against all others.
    static let sources: [any Source.Type] = [
        CallbackSource.self, CCallbackSource.self, DelegateSource.self, PromiseSource.self, DeferredSource.self,
        QueueSource.self, ChannelSource.self, SignalArrivalSource.self, TopicArrivalSource.self,
        AsyncSequenceSource.self, AsyncSource.self, TaskSource.self, GreenletSource.self,
    ]
    static let sinks: [any Sink.Type] = [
        CallbackSink.self, ShapeSink.self, CSink.self, FutureSink.self, DeferredSink.self, QueueSink.self,
        TopicSink.self, AwaitSink.self, GreenletSink.self, PortalSink.self, ThreadSink.self,
    ]

    private let sabotage: Sabotage?
    private let cells: [Cell]

    /// Prepares all cells.
    ///
    /// - Parameter sabotage: Breaks the sink of that kind on purpose; its cells have to fail.
    public init(sabotage: Sabotage? = nil) {
        self.sabotage = sabotage
        var cells: [Cell] = []
        for source in Self.sources {
            for sink in Self.sinks {
                for `case` in Case.allCases {
                    cells.append(Cell(number: cells.count + 1, source: source, sink: sink, case: `case`))
                }
            }
        }
        self.cells = cells
    }

    /// Tries all cells, some at a time.
    ///
    /// - Executor: Sinks deliver on the shared loop.
    /// - Cancellation: Begins no further cell; those that were not tried count as failed.
    public func run() async -> MatrixReport {
        let loop = IOLoop.shared
        var verdicts = [Cell.Verdict](repeating: .failed(["not tried"]), count: cells.count)
        await withTaskGroup(of: (Int, Cell.Verdict).self) { group in
            var rest = cells.indices[...]
            for _ in 0..<Self.width { begin(&rest, on: loop, in: &group) }
            for await (index, verdict) in group {
                verdicts[index] = verdict
                if !Task.isCancelled { begin(&rest, on: loop, in: &group) }
            }
        }
        return MatrixReport(zip(cells, verdicts).map { ($0, $1) })
    }

    /// How many cells are tried at once.
    private static let width = 16

    private func begin(
        _ rest: inout Range<Int>.SubSequence,
        on loop: IOLoop,
        in group: inout TaskGroup<(Int, Cell.Verdict)>
    ) {
        guard let index = rest.popFirst() else { return }
        let cell = cells[index]
        let broken = sabotage.flatMap { $0.sink == cell.sink ? $0 : nil }
        // What has been broken is waited for in vain.
        let patience: Duration = broken == nil ? .seconds(60) : .seconds(2)
        group.addTask { (index, await cell.run(on: loop, patience: patience, sabotage: broken)) }
    }
}
