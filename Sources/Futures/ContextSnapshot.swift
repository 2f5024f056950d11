// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The values of some task-locals, to be bound again where a completion arrives.
///
/// A completion runs where its source completes: on a loop, on a legacy library's thread, in somebody else's task. What was
/// bound where the observer was registered is not bound there. A snapshot brings it along, in every style:
///
///     let here = ContextSnapshot(Trace.$id, Request.$user)
///     fetch(url).inContext(here).callback(on: loop) { outcome in … }   // sees Trace.id and Request.user
///     fetch(url).inContext(here).deferred().addCallback { … }          // so does this
///     ticks.inContext(here).subscribe(on: loop) { tick in … }          // and each call of this
///
/// A hop to an executor takes the snapshot along. `await` and `wait()` need none: who waits goes on in its own context.
///
/// Task-locals have to be named, because Swift lists them to nobody (kotlinx.coroutines: ThreadContextElement; asgiref:
/// contextvars are copied whole).
public struct ContextSnapshot: Sendable {
    /// The innermost snapshot whose values are bound here: deliveries that are put off, and hops, take it along.
    @TaskLocal private static var current: ContextSnapshot?
    /// Whether there ever was a snapshot. Who uses none does not pay for the look at the task-local.
    private static let isUsed = Atomic<Bool>(false)

    private let bindings: [@Sendable (_ body: () -> Void) -> Void]

    /// Takes the values that these task-locals have now.
    ///
    /// - Parameter locals: The projections of the properties: `Trace.$id`.
    public init<each Value: Sendable>(_ locals: repeat TaskLocal<each Value>) {
        var bindings: [@Sendable (_ body: () -> Void) -> Void] = []
        for local in repeat each locals { bindings.append(Self.binding(local)) }
        self.bindings = bindings
        Self.isUsed.store(true, ordering: .relaxed)
    }

    private static func binding<Value: Sendable>(
        _ local: TaskLocal<Value>
    ) -> @Sendable (_ body: () -> Void) -> Void {
        let value = local.get()
        return { body in local.withValue(value) { body() } }
    }

    /// Runs a closure with the values bound.
    ///
    /// - Executor: The caller's. Legal in a task, in a greenlet and on a plain thread.
    /// - Errors: The closure's.
    public func callAsFunction<R>(_ body: () throws -> R) rethrows -> R {
        // A closure that has to have run, for a compiler that cannot see it.
        var result: Result<R, any Error>?
        bind(0) { result = Result(catching: body) }
        guard let result else { preconditionFailure("a task-local's withValue did not run its operation") }
        return try { try result.get() }()
    }

    private func bind(_ index: Int, _ body: () -> Void) {
        if index == bindings.count { return Self.$current.withValue(self, operation: body) }
        bindings[index]({ bind(index + 1, body) })
    }

    private static var inForce: ContextSnapshot? { isUsed.load(ordering: .relaxed) ? current : nil }

    /// Posts what a completion has in hand, with the values that are bound around the completion.
    static func post(_ work: @escaping @Sendable () -> Void, to executor: any CallbackExecutor) -> Bool {
        guard let snapshot = inForce else { return executor.tryPost(work) }
        return executor.tryPost { snapshot(work) }
    }

    /// A delivery that is put off, with the values that are bound around what has caused it.
    static func bound(_ delivery: _Node) -> _Node {
        guard let snapshot = inForce else { return delivery }
        return BoundDelivery(delivery, in: snapshot)
    }
}

/// A delivery with values bound around it.
// SAFETY: immutable.
private final class BoundDelivery: _Node, @unchecked Sendable {
    private let delivery: _Node
    private let snapshot: ContextSnapshot

    init(_ delivery: _Node, in snapshot: ContextSnapshot) {
        self.delivery = delivery
        self.snapshot = snapshot
    }

    override func _run() { snapshot { delivery._run() } }

    override var _summary: String { delivery._summary }
}

/// A future whose observers run with values bound, also those that come late.
// SAFETY: immutable beyond its superclass.
private final class BoundFuture<Success: Sendable>: Future<Success>, @unchecked Sendable {
    private let snapshot: ContextSnapshot

    init(_ snapshot: ContextSnapshot, fileID: StaticString, line: UInt) {
        self.snapshot = snapshot
        super.init(_fileID: fileID, line: line)
        _state.store(_Bits.bound, ordering: .relaxed)
    }

    override func _bound(_ delivery: _Node) -> _Node { BoundDelivery(delivery, in: snapshot) }
}

extension Awaitable where Success: Sendable {
    /// The same, with the values of a snapshot bound around the code that its completion runs, in whatever style.
    ///
    /// It is a ``Call``: each verb registers one observer at this source, or starts a run of its own if this is a call.
    ///
    /// Also around the code that runs further down a chain, `map` by `map`; but who observes a *derived* future when that
    /// is complete already is called at once, in the context it has itself.
    ///
    /// - Executor: As this source.
    /// - Cancellation: As this source, in both directions; a timed-out `wait(timeout:)` leaves it as a cancelled one does.
    /// - Errors: This source's.
    public func inContext(
        _ snapshot: ContextSnapshot,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Call<Success> {
        Call(start: {
            let result = BoundFuture<Success>(snapshot, fileID: fileID, line: line)
            let source = future()
            let registration = source.observe { outcome in snapshot { _ = result._complete(outcome) } }
            result._takeLabel(of: source)
            result._setCanceller { registration.cancel() }
            return result
        })
    }
}

extension EventSource {
    /// The same, with the values of a snapshot bound around each call of a handler.
    ///
    /// - Executor: As this source; see ``Awaitable/inContext(_:fileID:line:)``.
    public func inContext(_ snapshot: ContextSnapshot) -> some EventSource<Element> {
        SourceInContext(base: self, snapshot: snapshot)
    }
}

private struct SourceInContext<Base: EventSource>: EventSource {
    let base: Base
    let snapshot: ContextSnapshot

    func subscribe(
        demand: Demand,
        _ handler: @escaping @Sendable (SourceEvent<Base.Element>) -> Void
    ) -> Subscription {
        base.subscribe(demand: demand) { event in snapshot { handler(event) } }
    }

    func _subscribe(_ consumer: _Consumer<Base.Element>) -> Subscription {
        base._subscribe(consumer.inContext(snapshot))
    }

    func next() -> Call<Base.Element> { base.next().inContext(snapshot) }
}
