// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import Greenlets
import Loops

/// A greenlet on a loop of its own, which it may outlive.
final class GreenletSource: Source {
    static let name = "greenlet"

    let subject: Greenlet<Int>
    private let loop: IOLoop
    private let gate: Promise<Int>
    private let state: Stop

    init(_ bench: Bench) throws {
        let gate = Promise<Int>(bench.label)
        let state = Stop()
        let loop = try IOLoop.onOwnThread(name: "matrix greenlet")
        let future = gate.future
        self.gate = gate
        self.loop = loop
        self.state = state
        subject = Greenlet.spawn(on: loop) {
            state.start()
            do { return try future.wait() } catch let exit as GreenletExit {
                state.stop()
                throw exit
            }
        }
    }

    deinit { loop.stop() }

    static func reason(against case: Case) -> Reason? { `case` == .completedTwice ? .cannotBeProduced : nil }
    /// The loop that would have completed it is no more.
    static var dropError: String { "LoopClosed" }
    static var completesInPlace: Bool { false }

    var hasStarted: Bool { state.hasStarted }
    var wasStopped: Bool { state.wasStopped }

    func completeBefore(_ value: Int) async throws {
        gate.succeed(value)
        _ = try await subject.value
    }

    func complete(_ outcome: Result<Int, any Error>) {
        if case .failure(is CancellationError) = outcome { return subject.kill() }
        gate.complete(with: outcome)
    }

    func drop() { loop.stop() }

    private final class Stop: Sendable {
        private let state = Lock((hasStarted: false, wasStopped: false))
        var hasStarted: Bool { state.withLock { $0.hasStarted } }
        var wasStopped: Bool { state.withLock { $0.wasStopped } }
        func start() { state.withLock { $0.hasStarted = true } }
        func stop() { state.withLock { $0.wasStopped = true } }
    }
}
