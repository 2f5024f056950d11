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
    typealias Handler = _Subscriber<SignalDelivery>

    /// The registry of this process, never freed: in a forked child the lock of the parent's may be taken for ever.
    private static let place = Atomic<UInt>(0)

    private let table = Lock(HandlerTable<Signal, SignalDelivery>())
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
        try table.withLock { table in
            var done: [Signal] = []
            do {
                for signal in signals {
                    if table.handlers(of: signal).isEmpty { try signal.install() } else { try signal.check() }
                    table.insert(handler, to: signal)
                    done.append(signal)
                }
            } catch {
                for signal in done where table.remove(handler, from: signal) { _ = signal.restore() }
                throw error
            }
        }
        // Whatever the other threads block, there is one that receives.
        loop.post { for signal in signals { sy_signal_unblock(signal.rawValue) } }
    }

    /// Takes a handler out; a signal that has none left does what it did before the first came.
    func remove(_ handler: Handler, from signals: [Signal]) {
        // The parent's handlers left when the child began.
        if isForked { return }
        let left = table.withLock { table in
            signals.filter { table.remove(handler, from: $0) }.map(Self.giveBack)
        }
        for departure in left { finish(departure) }
    }

    /// What giving back a signal has left to do, without the lock.
    private typealias Departure = (signal: Signal, isRestored: Bool, isUntold: Bool)

    private static func giveBack(_ signal: Signal) -> Departure {
        let isRestored = signal.restore()
        return (signal, isRestored, sy_signal_take(signal.rawValue) > 0)
    }

    private func finish(_ departure: Departure) {
        if !departure.isRestored { reportDisplaced(departure.signal) }
        if departure.isUntold { passOn(departure.signal) }
    }

    /// What came and was told nobody is sent again, for whoever has the signal now.
    func passOn(_ signal: Signal) { _ = sy_signal_raise(signal.rawValue) }

    func handlerCount(of signal: Signal) -> Int { table.withLock { $0.handlers(of: signal).count } }

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
        let arrived = table.withLock { table in
            table.topics.sorted { $0.rawValue < $1.rawValue }.compactMap { signal in
                let count = Int(clamping: sy_signal_take(signal.rawValue))
                return count == 0 ? nil : (SignalDelivery(signal, count: count), table.handlers(of: signal))
            }
        }
        for (delivery, handlers) in arrived where handlers.count(where: { $0.offer(delivery) }) == 0 {
            putBack(delivery)
        }
    }

    /// All who were to hear of it have left meanwhile, or are about to.
    private func putBack(_ delivery: SignalDelivery) {
        let isHandled = table.withLock { table in
            if table.handlers(of: delivery.signal).isEmpty { return false }
            // The next turn tells those who came since; who is about to leave takes it along.
            sy_signal_add(delivery.signal.rawValue, UInt64(delivery.count))
            return true
        }
        if !isHandled { passOn(delivery.signal) }
    }

    /// Somebody stopped the loop from a handler: whoever listens is told, and the next one starts another.
    private func loopStopped() {
        engine.withLock { $0 = nil }
        let (left, handlers) = table.withLock { table in (table.topics.map(Self.giveBack), table.removeAll()) }
        for departure in left { finish(departure) }
        for handler in handlers { handler.end(LoopClosed(loop: "signals", operation: "signals were to be delivered")) }
    }
}
