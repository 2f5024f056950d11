// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// Where greenlets are spawned that do not outlive a block of code; see `Greenlet.scope`.
///
/// - Executor: May be used from any thread, also by its greenlets, as long as the block has not been left.
public final class GreenletScope: Sendable {
    private struct State {
        var children: [UInt64: AnyGreenlet] = [:]
        var failure: (any Error)?
        var interruption: Timeout?
        var isOver = false
    }

    private let owner: AnyGreenlet?
    private let loop: (any Loop)?
    private let state = Lock(State())

    init(owner: AnyGreenlet?) {
        self.owner = owner
        loop = owner?.loop
    }

    /// Spawns a greenlet of this scope.
    ///
    /// - Executor: The loop of the greenlet that opened the scope; the shared one if a plain thread did.
    /// - Cancellation: A consumer that cancels the greenlet kills it, which is no failure of the scope.
    /// - Errors: ``GreenletMisuse`` when the scope is over. What the body throws ends the scope.
    /// - Complexity: O(1); a failure is O(greenlets of the scope).
    @discardableResult
    public func spawn<Success: Sendable>(
        name: String? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: @escaping @Sendable () throws -> Success
    ) throws -> Greenlet<Success> {
        let greenlet = Greenlet<Success>.paused(on: loop, name: name, fileID: fileID, line: line, body)
        let isOpen = state.withLock { state in
            if !state.isOver { state.children[greenlet.id] = greenlet }
            return !state.isOver
        }
        guard isOpen else {
            greenlet.kill()
            throw GreenletMisuse(
                "a greenlet was spawned at \(fileID):\(line) in a scope that is over. Spawn it inside."
            )
        }
        _ = greenlet.observeEnd(quietly: false) { [self, id = greenlet.id] error in ended(id, error) }
        greenlet.start()
        return greenlet
    }

    private func ended(_ id: UInt64, _ error: (any Error)?) {
        let isFailure = error.map { !($0 is CancellationError) } ?? false
        let (child, siblings) = state.withLock { state in
            let child = state.children.removeValue(forKey: id)
            guard isFailure, state.failure == nil else { return (child, [AnyGreenlet]()) }
            state.failure = error
            return (child, Array(state.children.values))
        }
        _ = consume child
        guard isFailure, let error else { return }
        Greenlet.killAll(siblings)
        interruptOwner(by: error)
    }

    private func interruptOwner(by error: any Error) {
        guard let owner else { return }
        let interruption = state.withLock { state -> Timeout? in
            guard !state.isOver, state.interruption == nil else { return nil }
            let interruption = Timeout(nil, throwing: error)
            state.interruption = interruption
            return interruption
        }
        guard let interruption else { return }
        owner.expireSoon(interruption)
    }

    private var children: [AnyGreenlet] { state.withLock { Array($0.children.values) } }

    /// After the body: nobody outlives it.
    func close<Result>(_ result: Swift.Result<Result, any Error>) throws -> Result {
        var result = result
        if case .failure = result { Greenlet.killAll(children) }
        while true {
            let children = state.withLock { state in
                if state.children.isEmpty { state.isOver = true }
                return Array(state.children.values)
            }
            if children.isEmpty { break }
            do { try Greenlet.joinAll(children) } catch {
                // The owner was killed, or one of them has failed.
                if case .success = result { result = .failure(error) }
                Greenlet.killAll(children)
            }
        }
        let (failure, interruption) = state.withLock { ($0.failure, $0.interruption) }
        if let interruption { owner?.forget(interruption) }
        if let failure { throw failure }
        return try result.get()
    }
}

extension Greenlet where Success == Void {
    /// Runs blocking code whose greenlets end with it (Trio: nursery; gevent: a greenlet as a context manager).
    ///
    ///     let (a, b) = try Greenlet.scope { scope in
    ///         let a = try scope.spawn { try fetch(first).wait() }
    ///         let b = try scope.spawn { try fetch(second).wait() }
    ///         return (try a.wait(), try b.wait())
    ///     }
    ///
    /// When the body returns the scope waits for its greenlets. When the body throws it kills them, and then waits. When one of
    /// them fails it kills the others, and throws that failure at the body's wait in progress, or at its next one.
    ///
    /// - Executor: The calling greenlet or plain thread. A plain thread is not interrupted: it is told at the end.
    /// - Cancellation: A kill of the caller kills the greenlets of the scope.
    /// - Errors: The first failure of a greenlet in the scope; else the body's. A greenlet that was killed has not failed.
    @available(*, noasync, message: "use `withThrowingTaskGroup`, or Greenlet.run around this")
    public static func scope<Result>(_ body: (GreenletScope) throws -> Result) throws -> Result {
        if case .refused(let error) = WaitContext.current { throw error }
        let scope = GreenletScope(owner: current)
        return try scope.close(Swift.Result { try body(scope) })
    }
}
