// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CSignals
import Futures
import Loops
import Synchronization

/// The process's one registry of signals: counts what the kernel delivers, and calls the handlers on a thread of its own.
///
/// The handler of the C library's kind that is installed only counts, and writes to a descriptor. The loop, on a base of
/// libevent's that nobody else uses, polls that descriptor; libevent's own handling of signals is not used at all.
final class SignalCore: Sendable {
    typealias Handler = _Subscriber<Arrival>

    /// A delivery on its way to the handlers, with its place among all deliveries.
    struct Arrival: Sendable {
        let delivery: SignalDelivery
        let number: Int

        static func merge(_ a: Arrival, _ b: Arrival) -> Arrival? {
            SignalDelivery.merge(a.delivery, b.delivery).map { Arrival(delivery: $0, number: b.number) }
        }
    }

    private struct State {
        var table = HandlerTable<Signal, Arrival>()
        /// How many arrivals there were when a handler came.
        var coming: [ObjectIdentifier: Int] = [:]
        var arrivals = 0
        /// The last arrival of each signal that somebody was told. It stands for those before it, as it does for the kernel.
        var told: [Signal: Int] = [:]
    }

    /// The registry of this process, never freed: in a forked child the lock of the parent's may be taken for ever.
    private static let place = Atomic<UInt>(0)

    private let state = Lock(State())
    private let engine = Lock<IOLoop?>(nil)
    private let generation = sy_signals_generation()
    let children = ChildTable()

    var isForked: Bool { sy_signals_generation() != generation }

    /// The process's registry, made at the first use.
    ///
    /// - Errors: ``SignalsForked``.
    static func current(for operation: @autoclosure () -> String) throws(SignalsForked) -> SignalCore {
        let core = existing ?? make(instead: 0)
        if core.isForked { throw SignalsForked(operation: operation()) }
        return core
    }

    static func reinitializeAfterFork() {
        guard let old = existing, old.isForked else { return }
        // SAFETY: identity only.
        _ = make(instead: unsafe UInt(bitPattern: Unmanaged.passUnretained(old).toOpaque()))
    }

    private static var existing: SignalCore? {
        let address = place.load(ordering: .acquiring)
        guard let pointer = unsafe UnsafeRawPointer(bitPattern: address) else { return nil }
        // SAFETY: what stands in the place was retained for ever.
        return unsafe Unmanaged<SignalCore>.fromOpaque(pointer).takeUnretainedValue()
    }

    private static func make(instead old: UInt) -> SignalCore {
        let core = SignalCore()
        // SAFETY: given back at once if another thread was first, otherwise never.
        let reference = unsafe Unmanaged.passRetained(core)
        let address = unsafe UInt(bitPattern: reference.toOpaque())
        if place.compareExchange(expected: old, desired: address, ordering: .acquiringAndReleasing).exchanged {
            return core
        }
        unsafe reference.release()
        return existing!
    }

    // MARK: Coming and going

    /// Adds a handler to each of the signals, or to none.
    ///
    /// - Errors: ``SignalUnavailable``; `EmptyInput`; what keeps the thread from starting.
    func add(_ handler: Handler, to signals: [Signal]) throws {
        guard let first = signals.first else { throw EmptyInput("Signals.source") }
        for signal in signals { if let reason = signal.obstacle { throw SignalUnavailable(signal, reason) } }
        let loop = try startedLoop(for: first)
        let (failure, left) = state.withLock { state -> ((any Error)?, [Departure]) in
            var done: [Signal] = []
            do {
                for signal in signals {
                    if state.table.handlers(of: signal).isEmpty { try signal.install() } else { try signal.check() }
                    state.table.insert(handler, to: signal)
                    done.append(signal)
                }
                state.coming[ObjectIdentifier(handler)] = state.arrivals
                return (nil, [])
            } catch { return (error, done.filter { state.table.remove(handler, from: $0) }.map { Self.giveBack($0) }) }
        }
        for departure in left { finish(departure) }
        if let failure { throw failure }
        // Whatever the other threads block, there is one that receives.
        loop.post { for signal in signals { sy_signal_unblock(signal.rawValue) } }
    }

    /// A handler that leaves this registry when it is cancelled.
    func subscriber(to signals: [Signal], _ consumer: _Consumer<SignalDelivery>) -> Handler {
        Handler(
            consumer.of { $0.delivery },
            backlog: .merging(Arrival.merge),
            onDelivery: { self.tell($0) },
            onLeave: { self.remove($0, from: signals, leaving: $1) }
        )
    }

    /// Somebody is told of all that has arrived.
    func tell(_ signal: Signal) { state.withLock { $0.told[signal] = $0.arrivals } }

    private func tell(_ arrival: Arrival) {
        state.withLock { $0.told[arrival.delivery.signal, default: 0].raise(to: arrival.number) }
    }

    /// Takes a handler out; a signal that has none left does what it did before the first came.
    ///
    /// - Parameter arrivals: What the handler leaves behind. If nobody was told, nor will be, it is for those who came
    ///   since, or for whatever the signal does without handlers.
    private func remove(_ handler: Handler, from signals: [Signal], leaving arrivals: [Arrival]) {
        // The parent's handlers left when the child began.
        if isForked { return }
        let left = state.withLock { state in
            let orphaned = signals.filter { state.table.remove(handler, from: $0) }
            state.coming[ObjectIdentifier(handler)] = nil
            var untold: Set<Signal> = []
            for arrival in arrivals {
                let (signal, others) = (arrival.delivery.signal, state.table.handlers(of: arrival.delivery.signal))
                if state.told[signal, default: 0] >= arrival.number { continue }
                if others.isEmpty {
                    untold.insert(signal)
                } else if !others.contains(where: { state.coming[ObjectIdentifier($0), default: 0] < arrival.number }) {
                    sy_signal_add(signal.rawValue, UInt64(arrival.delivery.count))
                }
            }
            return orphaned.map { Self.giveBack($0, isUntold: untold.remove($0) != nil) }
                + untold.map { Departure(signal: $0, isRestored: true, isUntold: true) }
        }
        for departure in left { finish(departure) }
    }

    /// What giving back a signal has left to do, without the lock.
    private typealias Departure = (signal: Signal, isRestored: Bool, isUntold: Bool)

    private static func giveBack(_ signal: Signal, isUntold: Bool = false) -> Departure {
        let isRestored = signal.restore()
        return (signal, isRestored, sy_signal_take(signal.rawValue) > 0 || isUntold)
    }

    /// What came and was told nobody is sent again, for whoever has the signal now.
    private func finish(_ departure: Departure) {
        if !departure.isRestored { reportDisplaced(departure.signal) }
        if departure.isUntold { _ = sy_signal_raise(departure.signal.rawValue) }
    }

    func handlerCount(of signal: Signal) -> Int { state.withLock { $0.table.handlers(of: signal).count } }

    private func reportDisplaced(_ signal: Signal) {
        Reporter.report(
            .message(
                "while Switchyard handled \(signal), another handler was installed, which now stays; deliveries since then went"
                    + " there. Handle a signal in one place."
            )
        )
    }

    // MARK: The thread

    func startedLoop(for signal: Signal) throws -> IOLoop {
        try engine.withLock { engine in
            if let loop = engine { return loop }
            let descriptor = sy_signals_open()
            guard descriptor >= 0 else { throw SignalUnavailable(signal, .system(-descriptor)) }
            let loop = try IOLoop.onOwnThread(name: "signals")
            _ = try loop.watch(descriptor, .read) { self.deliver() }
            _ = loop.whenClosed { self.loopStopped() }
            engine = loop
            return loop
        }
    }

    /// On the loop.
    private func deliver() {
        sy_signals_rearm()
        let signals = state.withLock { $0.table.topics.sorted { $0.rawValue < $1.rawValue } }
        for signal in signals { for handler in arrivals(of: signal) { handler.deliver() } }
    }

    /// Takes the count of a signal, for all who listen to it.
    private func arrivals(of signal: Signal) -> [Handler] {
        state.withLock { state in
            let handlers = state.table.handlers(of: signal)
            // Without any, the last one who left has taken the count.
            let count = handlers.isEmpty ? 0 : sy_signal_take(signal.rawValue)
            if count == 0 { return [] }
            state.arrivals += 1
            let arrival = Arrival(
                delivery: SignalDelivery(signal, count: Int(clamping: count)),
                number: state.arrivals
            )
            let takers = handlers.filter { $0.accept(arrival) }
            // All are about to leave, and the last one takes it along; the next turn tells those who come meanwhile.
            if takers.isEmpty { sy_signal_add(signal.rawValue, count) }
            return takers
        }
    }

    /// Somebody stopped the loop from a handler: whoever listens is told, and the next one starts another.
    private func loopStopped() {
        engine.withLock { $0 = nil }
        let (left, handlers) = state.withLock { state in
            state.coming = [:]
            return (state.table.topics.map { Self.giveBack($0) }, state.table.removeAll())
        }
        for departure in left { finish(departure) }
        for handler in handlers { handler.end(LoopClosed(loop: "signals", operation: "signals were to be delivered")) }
    }
}

extension Int {
    fileprivate mutating func raise(to other: Int) { self = Swift.max(self, other) }
}
