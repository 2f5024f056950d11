// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import Loops

/// What a consumer is told of, in the order it is told.
final class Probe: Sendable {
    /// One delivery, and what was wrong with it beside its outcome.
    struct Delivery: Sendable {
        let outcome: String
        let isOnExecutor: Bool
        let isInContext: Bool
    }

    let bench: Bench
    private let sabotage: Sabotage?
    private let state = Lock<[Delivery]>([])

    init(_ bench: Bench, sabotage: Sabotage?) {
        self.bench = bench
        self.sabotage = sabotage
    }

    var deliveries: [Delivery] { state.withLock { $0 } }

    /// A consumer whose executor is the bench's loop has got an outcome.
    func receive(_ outcome: Result<Int, any Error>) { receive(outcome) { [bench] in bench.loop.isCurrent } }

    /// A consumer has got an outcome.
    ///
    /// - Parameters:
    ///   - keepsContext: Whether the sink has promised the context of whoever attached it.
    ///   - isHere: Whether the calling thread is where the sink has promised to deliver.
    func receive(
        _ outcome: Result<Int, any Error>,
        keepsContext: Bool = true,
        isHere: @escaping @Sendable () -> Bool
    ) {
        let note: @Sendable () -> Void = { [self] in
            let delivery = Delivery(
                outcome: Self.words(outcome),
                isOnExecutor: isHere(),
                isInContext: !keepsContext || Bench.cell == bench.number
            )
            state.withLock { $0.append(delivery) }
        }
        switch sabotage {
        case .drop: return
        case .executor:
            // On a thread that no sink has promised; the context comes along.
            let context = bench.context
            bench.startThread { context(note) }
        case .double:
            note()
            note()
        case .cancel, nil: note()
        }
    }

    private static func words(_ outcome: Result<Int, any Error>) -> String {
        switch outcome {
        case .success(let value): "\(value)"
        case .failure(let error): "\(type(of: error))"
        }
    }
}
