// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import QueueBridge
import SignalBridge
import Synchronization

/// One arrival of a POSIX signal.
final class SignalArrivalSource: Source {
    static let name = "signal"

    private let lease: SignalPool.Lease
    private let early = Early()
    private let value = Value()
    let subject: Call<Int>

    init(_ bench: Bench) async throws {
        lease = try await SignalPool.shared.lease()
        subject = Call(from: { [signal = lease.signal, early, value] in
            early.future ?? signal.next().map { _ in value.first }.future()
        })
    }

    static func reason(against case: Case) -> Reason? {
        switch `case` {
        case .error: .noFailureChannel
        case .cancelledBySource, .dropped: .cannotBeProduced
        default: nil
        }
    }

    /// It is another arrival, which nobody waits for.
    static var reportsSecond: Bool { false }
    static var completesInPlace: Bool { false }
    var hasStarted: Bool { lease.signal.handlerCount == 2 }
    var wasStopped: Bool { lease.signal.handlerCount == 1 }

    func completeBefore(_ value: Int) async throws {
        let arrival = subject.future()
        try complete(.success(value))
        _ = try await arrival.value
        early.set(arrival)
    }

    func complete(_ outcome: Result<Int, any Error>) throws {
        value.set(try outcome.get())
        try lease.raise()
    }

    func arrive(_ bench: Bench) async { _ = await bench.eventually { self.lease.isQuiet } }

    func drop() {}

    /// What a signal cannot carry.
    private final class Value: Sendable {
        private let state = Lock<Int?>(nil)
        var first: Int { state.withLock { $0 ?? 0 } }
        func set(_ value: Int) { state.withLock { if $0 == nil { $0 = value } } }
    }
}

/// An outcome that is there before the verb is used.
final class Early: Sendable {
    private let state = Lock<Future<Int>?>(nil)
    var future: Future<Int>? { state.withLock { $0 } }
    func set(_ future: Future<Int>) { state.withLock { $0 = future } }
}

/// Signals that nobody else uses. Each cell has one for itself, with a handler that stays, so that an arrival which is one
/// too many finds it and not the system's disposition.
private final class SignalPool: Sendable {
    static let shared = SignalPool()

    /// One signal, and what is known of it. A signal is raised again when it has arrived, so that none are merged.
    final class Entry: Sendable {
        let signal: Signal
        private let raised = Atomic(0)
        private let heard = Atomic(0)

        init(_ signal: Signal) {
            self.signal = signal
            signal.subscribe { [self] delivery in
                heard.add(delivery.count, ordering: .relaxed)
            } onEnd: { error in
                if let error { Reporter.report(.message("the matrix cannot use \(signal): \(error)")) }
            }
        }

        func raise() throws {
            raised.add(1, ordering: .relaxed)
            try signal.raise()
        }

        /// Nothing is on its way.
        var isQuiet: Bool { heard.load(ordering: .relaxed) >= raised.load(ordering: .relaxed) }
    }

    /// The right to use a signal, given back when it is released.
    final class Lease: Sendable {
        private let entry: Entry
        private let pool: Queue<Entry>

        init(_ entry: Entry, of pool: Queue<Entry>) {
            self.entry = entry
            self.pool = pool
        }

        deinit { _ = try? pool.tryPut(entry) }

        var signal: Signal { entry.signal }
        var isQuiet: Bool { entry.isQuiet }
        func raise() throws { try entry.raise() }
    }

    private let free = Queue<Entry>("signals of the matrix")

    #if os(Linux)
    /// Real-time signals, of which the C library keeps the first for itself.
    private static let numbers: [Int32] = Array(40...60)
    #else
    /// Those that are ignored unless somebody asks for them: SIGURG, SIGIO, SIGWINCH, SIGINFO.
    private static let numbers: [Int32] = [16, 23, 28, 29]
    #endif

    private init() {
        for number in Self.numbers { _ = try? free.tryPut(Entry(Signal(rawValue: number))) }
    }

    func lease() async throws -> Lease { Lease(try await free.get().value, of: free) }
}
