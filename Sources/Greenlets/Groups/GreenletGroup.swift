// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// Greenlets that are joined and killed together (gevent: Group).
///
///     let group = GreenletGroup()
///     for url in urls { group.spawn { try fetch(url).wait() } }
///     try group.join()
///
/// Who has ended is no member any more. For code that must not leave greenlets behind see `Greenlet.scope`, for a limit on
/// their number ``GreenletPool``.
///
/// - Executor: Members run on the group's loop. All methods may be called from any thread.
/// - Cancellation: A group does not own its members: released, it leaves them running.
public class GreenletGroup: @unchecked Sendable {  // SAFETY: the state is behind a lock, the rest is immutable.
    private struct State {
        var members: [UInt64: AnyGreenlet] = [:]
        var waiters: [Future<Void>] = []
    }

    /// For errors and dumps.
    public let name: String
    final let loop: (any Loop)?
    private let state = Lock(State())

    /// Makes a group without members.
    ///
    /// - Parameter loop: Where `spawn` runs them; by default each time the current loop, or the shared one.
    public convenience init(on loop: (any Loop)? = nil, name: String? = nil) {
        self.init(loop: loop, title: name.map { "group \"\($0)\"" } ?? "a group of greenlets")
    }

    init(loop: (any Loop)?, title: String) {
        self.loop = loop
        name = title
    }

    /// Spawns a member (gevent: Group.spawn).
    ///
    /// - Executor: The body runs on the group's loop, by default the caller's.
    /// - Cancellation: A consumer that cancels the greenlet kills it; the others go on.
    /// - Errors: None here; ``GreenletPool`` throws when it has no place. The body's are the greenlet's, and concern no other
    ///   member.
    /// - Complexity: O(1).
    @discardableResult
    public func spawn<Success: Sendable>(
        name: String? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: @escaping @Sendable () throws -> Success
    ) throws -> Greenlet<Success> {
        let greenlet = Greenlet<Success>.spawn(on: loop, name: name, fileID: fileID, line: line, body)
        add(greenlet)
        return greenlet
    }

    /// Makes a greenlet a member until it ends; one that has ended is none (gevent: Group.add).
    ///
    /// - Errors: None. A failure that nobody observes is still reported: being a member is not observing.
    /// - Complexity: O(1).
    public func add(_ greenlet: AnyGreenlet) { insert(greenlet) {} }

    /// - Parameter whenEnded: Called when it has ended, and who waits for the group's end is not told yet.
    final func insert(_ greenlet: AnyGreenlet, whenEnded: @escaping @Sendable () -> Void) {
        state.withLock { $0.members[greenlet.id] = greenlet }
        _ = greenlet.observeEnd(quietly: true) { [weak self, id = greenlet.id] _ in
            if let self { remove(id, whenEnded) } else { whenEnded() }
        }
    }

    /// The greenlet goes on, and is no member any more. Who is none is left alone (gevent: Group.discard).
    ///
    /// - Complexity: O(1), and O(waiters) if it was the last one.
    public func discard(_ greenlet: AnyGreenlet) { remove(greenlet.id) }

    private func remove(_ id: UInt64, _ whenRemoved: () -> Void = {}) {
        let (member, waiters) = state.withLock { state in
            let member = state.members.removeValue(forKey: id)
            guard state.members.isEmpty else { return (member, [Future<Void>]()) }
            defer { state.waiters = [] }
            return (member, state.waiters)
        }
        whenRemoved()
        for waiter in waiters { _ = waiter._succeed(()) }
        _ = consume member
    }

    /// How many members there are.
    public final var count: Int { state.withLock { $0.members.count } }

    /// Whether the greenlet is a member.
    public final func contains(_ greenlet: AnyGreenlet) -> Bool { state.withLock { $0.members[greenlet.id] != nil } }

    /// The members, in the order in which they were made.
    ///
    /// - Complexity: O(n log n).
    public final var members: [AnyGreenlet] { state.withLock { $0.members.values.sorted { $0.id < $1.id } } }

    /// Whether the caller runs in a member.
    final var isInside: Bool { Greenlet.current.map(contains) ?? false }

    /// Completes when there are no members, now or later.
    ///
    /// - Executor: Completed where the last member ends, on its loop, or by who discards that.
    /// - Cancellation: Affects only the future.
    /// - Errors: None: a failure is its member's.
    public final func whenEmpty() -> Future<Void> {
        state.withLock { state in
            if state.members.isEmpty { return .succeeded(()) }
            let waiter = Future<Void>.pending()
            state.waiters.removeAll { $0.isCompleted }
            state.waiters.append(waiter)
            return waiter
        }
    }

    /// Waits until there are no members; also those count who come meanwhile.
    ///
    /// - Executor: A greenlet parks, a plain thread blocks.
    /// - Errors: ``GreenletMisuse`` in a member, which would wait for itself; ``/Futures/TimedOut``, and a report for each that
    ///   has swallowed a kill; with `throwing` the failure
    ///   that is the first in time, of those who are members now.
    @available(*, noasync, message: "use `try await group.whenEmpty().value`")
    public final func join(timeout: Duration? = nil, throwing: Bool = false) throws {
        if isInside {
            throw GreenletMisuse(
                "\(Greenlet.current!.displayName) joined \(name), of which it is a member, and would wait for itself. Join it from"
                    + " outside."
            )
        }
        if throwing { return try Greenlet.joinAll(members, timeout: timeout, throwing: true) }
        do { try whenEmpty().wait(timeout: timeout) } catch is TimedOut {
            for member in members { member.reportIfKillIsSwallowed(after: timeout ?? .zero) }
            throw TimedOut(after: timeout ?? .zero, waitingFor: "the end of \(count) greenlets in \(name)")
        }
    }

    /// Kills all members, once each (gevent: Group.kill).
    ///
    /// - Executor: Any thread; takes effect on the members' loops, in a later step.
    /// - Errors: None.
    /// - Complexity: O(n log n).
    public final func kill(_ error: any Error = GreenletExit()) { Greenlet.killAll(members, error) }

    /// Kills all members and waits until they have ended. A member that calls it is killed as the last one.
    ///
    /// - Executor: A greenlet parks, a plain thread blocks.
    /// - Errors: ``/Futures/TimedOut``, and a report for each that lives on.
    @available(*, noasync, message: "use `kill()`, then `try await group.whenEmpty().value`")
    public final func kill(_ error: any Error = GreenletExit(), waiting timeout: Duration?) throws {
        try Greenlet.killAll(members, error, waiting: timeout)
    }

    /// Runs a function in a member and waits for its result (gevent: Group.apply).
    ///
    /// - Executor: A greenlet parks, a plain thread blocks.
    /// - Cancellation: A kill of the caller kills the member, unless somebody else waits for it.
    /// - Errors: The function's; what `spawn` and `wait()` throw.
    @available(*, noasync, message: "use `try await group.spawn { … }.value`")
    public final func apply<Success: Sendable>(_ body: @escaping @Sendable () throws -> Success) throws -> Success {
        try spawn(body).wait()
    }
}
