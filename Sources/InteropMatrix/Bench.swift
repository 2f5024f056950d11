// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Loops

/// Where one cell is tried: its loop, its number, its patience.
final class Bench: Sendable {
    /// The number of the cell, bound where its sink is attached.
    @TaskLocal static var cell = 0

    /// The loop that sinks deliver on.
    let loop: IOLoop
    let number: Int
    /// Ends a cell that hangs; no cell that works comes near it.
    let patience: Duration
    /// Who completes the source, if observers are to run there.
    private let completer = Lock<ExecutionIdentity?>(nil)

    init(loop: IOLoop, number: Int, patience: Duration) {
        self.loop = loop
        self.number = number
        self.patience = patience
    }

    /// In reports, so that this cell's are known.
    var label: String { "matrix cell \(number)." }

    /// For sinks whose consumer is called, wherever that is.
    var context: ContextSnapshot { Self.$cell.withValue(number) { ContextSnapshot(Self.$cell) } }

    /// The caller is about to complete the source.
    func completesHere() { completer.withLock { $0 = .current } }

    /// The caller is the one who completes the source, or nobody has said who does.
    var isWhereItCompletes: Bool { completer.withLock { $0 ?? .current == .current } }

    /// Runs a closure on a plain thread of its own.
    func startThread(_ body: @escaping @Sendable () -> Void) {
        do { try PlainThread.start("matrix", body) } catch {
            // Not silence: the cell ends at its deadline, and this says why.
            Reporter.report(.message("the matrix has no thread for \(label): \(error)"))
        }
    }

    /// Waits for something other threads bring about.
    func eventually(_ condition: () -> Bool) async -> Bool {
        await ConversionTesting.eventually(within: patience, condition)
    }

    /// Lets the loop do all it has been given by now.
    func settle() async {
        await withCheckedContinuation { continuation in
            if !loop.tryPost({ continuation.resume() }) { continuation.resume() }
        }
    }

    /// Runs a closure on the loop.
    func onLoop(_ body: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            if !loop.tryPost({ continuation.resume(with: Result { try body() }) }) { continuation.resume() }
        }
    }
}
