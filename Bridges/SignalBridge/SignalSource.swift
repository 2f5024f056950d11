// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// The deliveries of one or several POSIX signals.
///
/// All sources of a process share one registry. A signal belongs to it from its first handler's coming to its last one's
/// leaving; before and after, the process does what it was told to do before, such as to end. A signal that somebody else
/// handles is refused, and the error names the owner.
///
/// *Counting.* A handler in C counts each delivery that the kernel makes. The thread that Switchyard keeps for signals
/// takes the counts and calls the handlers, so that what comes while it is busy arrives as one ``SignalDelivery`` with a
/// count. What comes while a handler has asked for nothing is added up for it, signal by signal. The kernel itself
/// delivers a signal once that is sent again before a thread could receive it.
///
/// - Executor: Handlers run on that thread unless an executor is named, for one signal in the order in which they came, for
///   several that came at once in the order of their numbers. A handler that comes during a delivery is called from the
///   next one on, one that leaves is called no more.
/// - Cancellation: Leaving, also inside the handler. What came before the last handler left and was told nobody is sent
///   again, once: it does what a later signal would. On its way to an executor, or in a stream, it has told nobody yet.
/// - Errors: A source that cannot listen ends at once, with ``SignalUnavailable`` or ``SignalsForked``; see
///   ``handle(on:_:)``, which throws.
public struct SignalSource: EventSource, Hashable, CustomStringConvertible {
    /// One or more arrivals.
    public typealias Element = SignalDelivery

    /// Which signals.
    public let signals: [Signal]

    init(_ signals: [Signal]) {
        var seen: Set<Signal> = []
        self.signals = signals.filter { seen.insert($0).inserted }
    }

    /// `SIGHUP, SIGINT`.
    public var description: String { signals.map(\.description).joined(separator: ", ") }

    /// Subscribes a handler.
    ///
    /// - Executor: The thread that Switchyard keeps for signals.
    /// - Errors: The source ends at once, as said above.
    public func subscribe(
        demand: Demand,
        _ handler: @escaping @Sendable (SourceEvent<SignalDelivery>) -> Void
    ) -> Subscription {
        _subscribe(_Consumer(demand: demand, handler))
    }

    /// Deliveries that the consumer is not called with count as told to nobody.
    public func _subscribe(_ consumer: _Consumer<SignalDelivery>) -> Subscription {
        do {
            let core = try SignalCore.current(for: "handling \(self)")
            let subscriber = core.subscriber(to: signals, consumer)
            do { try core.add(subscriber, to: signals) } catch { subscriber.end(error) }
            return core.subscription(of: subscriber)
        } catch {
            consumer.handler(.end(error))
            return .spent
        }
    }

    /// Calls a handler for each delivery, or throws at once.
    ///
    /// - Executor: `executor`, one delivery after the other; without one, the thread that Switchyard keeps for signals,
    ///   which it holds up.
    /// - Cancellation: Through the subscription; dropping that leaves the handler in place.
    /// - Errors: ``SignalUnavailable``; ``SignalsForked``. What the handler throws goes to the ``/Futures/Reporter``, and so
    ///   does the end of the source, if `executor` stops.
    @discardableResult
    public func handle(
        on executor: (any CallbackExecutor)? = nil,
        _ handler: @escaping @Sendable (SignalDelivery) throws -> Void
    ) throws -> Subscription {
        let core = try SignalCore.current(for: "handling \(self)")
        // Says whether the signals can be had, and holds them until the handler is there.
        let holder = core.subscriber(to: signals, _Consumer(demand: .none) { _ in })
        try core.add(holder, to: signals)
        defer { holder.subscription.cancel() }
        return subscribe(on: executor, handler) { error in
            guard let error else { return }
            Reporter.report(.message("the handler of \(self) is called no more: \(error)"))
        }
    }

    /// The next delivery; nothing is installed until a verb is used.
    ///
    /// - Executor: Completes on the thread that Switchyard keeps for signals.
    /// - Cancellation: Removes the handler of this run. A delivery is told to all who listen, so none is put back.
    /// - Errors: ``SignalUnavailable``; ``SignalsForked``.
    public func next() -> Call<SignalDelivery> { _next(of: description) }
}

extension Signal: EventSource {
    /// One or more arrivals.
    public typealias Element = SignalDelivery

    /// Subscribes a handler, see ``SignalSource``.
    public func subscribe(
        demand: Demand,
        _ handler: @escaping @Sendable (SourceEvent<SignalDelivery>) -> Void
    ) -> Subscription {
        SignalSource([self]).subscribe(demand: demand, handler)
    }

    /// The same for a verb.
    public func _subscribe(_ consumer: _Consumer<SignalDelivery>) -> Subscription {
        SignalSource([self])._subscribe(consumer)
    }

    /// Calls a handler for each delivery, or throws at once, see ``SignalSource/handle(on:_:)``.
    @discardableResult
    public func handle(
        on executor: (any CallbackExecutor)? = nil,
        _ handler: @escaping @Sendable (SignalDelivery) throws -> Void
    ) throws -> Subscription {
        try SignalSource([self]).handle(on: executor, handler)
    }

    /// How many handlers listen to it, in this process.
    public var handlerCount: Int { (try? SignalCore.current(for: "looking at \(self)"))?.handlerCount(of: self) ?? 0 }

    /// The next delivery, see ``SignalSource/next()``.
    public func next() -> Call<SignalDelivery> { SignalSource([self]).next() }
}

/// The signals of this process.
public enum Signals {
    /// The deliveries of several signals, to one handler.
    public static func source(_ signals: Signal...) -> SignalSource { SignalSource(signals) }

    /// The deliveries of several signals, to one handler.
    public static func source(_ signals: [Signal]) -> SignalSource { SignalSource(signals) }

    /// Lets a forked child use signals: it gets a registry of its own, with a thread of its own at the first use.
    ///
    /// A child begins with the dispositions that the parent had before its handlers, and without these: what was subscribed
    /// there is the parent's, and its subscriptions are spent. Until this call every use is refused, with
    /// ``SignalsForked``. In a process that is no such child it does nothing.
    ///
    /// - Executor: The child's only thread. Other parts have to be made usable as well, see
    ///   ``/Loops/IOLoop/reinitializeAfterFork(keeping:)``.
    public static func reinitializeAfterFork() { SignalCore.reinitializeAfterFork() }
}

extension SignalCore {
    /// A handler's place here, which is spent in a forked child.
    func subscription(of handler: Handler) -> Subscription {
        let place = handler.subscription
        return Subscription(
            request: { if !self.isForked { place.request($0) } },
            cancel: { self.isForked ? .tooLate : place.cancel() }
        )
    }
}
