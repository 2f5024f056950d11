// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// Blocking code on a stack of its own, scheduled by the hub of a loop: when it waits, others run.
///
///     let page = Greenlet.spawn { try fetch(url).wait() }     // blocking code, which parks
///     let text = try await page.value                          // async code awaits it
///
/// A greenlet is awaitable like everything else: `wait()`, `value`, `callback`, `future()`. See `Greenlet.run` for
/// blocking code inside an async function.
///
/// - Executor: The thread of its loop, for life; it runs until it waits, yields or ends.
/// - Cancellation: A consumer that cancels the outcome kills the greenlet, which ends as it decides; a killed greenlet's
///   outcome is `CancellationError`.
/// - Errors: What the body throws is the outcome; nobody's observing it is reported.
public final class Greenlet<Success: Sendable>: AnyGreenlet, Awaitable, @unchecked Sendable {  // SAFETY: below.
    // `body` is taken once, on the hub's thread.
    @usableFromInline let end: Future<Success>
    @safe @exclusivity(unchecked) @usableFromInline var body: (() throws -> Success)?
    /// Runs the body, specialised where the greenlet is spawned; a virtual method of a generic class would not be.
    @usableFromInline let step: @Sendable (AnyGreenlet) -> Void

    @inlinable
    init(
        hub: Unmanaged<Hub>,
        isHere: Bool,
        spawner: Spawner,
        pause: Pause?,
        name: String?,
        stackSize: Int,
        fileID: StaticString,
        line: UInt,
        body: sending @escaping () throws -> Success,
        step: @escaping @Sendable (AnyGreenlet) -> Void
    ) {
        self.body = body
        self.step = step
        end = Future<Success>.pending(fileID: fileID, line: line)
        // SAFETY: the greenlet owns its outcome.
        let reference = unsafe Unmanaged<_FutureCore>.passUnretained(end)
        unsafe super.init(
            hub: hub,
            isHere: isHere,
            spawner: spawner,
            name: name,
            stackSize: stackSize,
            pause: pause,
            outcome: reference,
            fileID: fileID,
            line: line
        )
        // The hub owns a greenlet until it has completed its outcome.
        unsafe reference._withUnsafeGuaranteedRef { end in
            if let pause { end._setHolder(pause) } else { end._setProducer(self) }
        }
    }

    /// Starts a greenlet: it is scheduled, and runs after the caller has waited, yielded or returned to its loop.
    ///
    /// The body sees none of the caller's task-locals, and has none of its priority: Swift hands them on to tasks only, such
    /// as that of `Call(async:)`, and `Greenlet.run` stays in the caller's. A ``/Futures/ContextSnapshot`` brings along the
    /// task-locals that it names:
    ///
    ///     let context = ContextSnapshot(Trace.$id)
    ///     Greenlet.spawn { try context { try fetch(url).wait() } }
    ///
    /// - Parameters:
    ///   - loop: Where it runs: by default the current loop, or `IOLoop.shared` where there is none.
    ///   - name: For dumps and diagnostics.
    ///   - stackSize: Usable bytes; 0 for 256 KiB. Virtual until touched.
    ///   - context: The values of ``ContextVariable``s that it sees.
    /// - Complexity: O(1); stacks are pooled.
    @inlinable
    @discardableResult
    public static func spawn(
        on loop: (any Loop)? = nil,
        name: String? = nil,
        stackSize: Int = 0,
        context: SpawnContext = .empty,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: sending @escaping () throws -> Success
    ) -> Greenlet<Success> {
        let place = unsafe Hub.forSpawn(on: loop)
        let greenlet = unsafe make(at: place, name, stackSize, fileID, line, body)
        if case .empty = context {} else { greenlet.adopt(context) }
        greenlet.begin(isHere: unsafe place.isHere)
        return greenlet
    }

    @inlinable
    @inline(__always)
    static func make(
        at place: (hub: Unmanaged<Hub>, isHere: Bool, spawner: Spawner),
        pause: Pause? = nil,
        _ name: String?,
        _ stackSize: Int,
        _ fileID: StaticString,
        _ line: UInt,
        _ body: sending @escaping () throws -> Success
    ) -> Greenlet<Success> {
        unsafe Greenlet(
            hub: place.hub,
            isHere: place.isHere,
            spawner: place.spawner,
            pause: pause,
            name: name,
            stackSize: stackSize,
            fileID: fileID,
            line: line,
            body: body
        ) { greenlet in
            // SAFETY: the step of this very greenlet.
            let greenlet = unsafe unsafeDowncast(greenlet, to: Greenlet<Success>.self)
            // Not `take()`: a generic method on the optional would wrap the function in an allocated thunk.
            guard let body = greenlet.body else { return }
            greenlet.body = nil
            do { _ = greenlet.end._succeed(try body()) } catch { greenlet.fail(error) }
        }
    }

    deinit {
        // Only one that was never scheduled still has its body.
        if body != nil { dropUnstarted() }
    }

    private func dropUnstarted() {
        end._markForDrain()
        _ = end._fail(BrokenPromise(origin: "\(_summary), which was never started"))
    }

    /// Registers an observer of the outcome.
    ///
    /// - Executor: The observer runs on the hub's thread.
    public func observe(
        _ observer: @escaping @Sendable (Result<Success, any Error>) -> Void
    ) -> Registration {
        end.observe(observer)
    }

    /// The future of the outcome.
    @inlinable public var _core: Unmanaged<_FutureCore>? { unsafe .passUnretained(end) }

    override package func main() { step(self) }

    override package func endUnstarted(_ error: any Error) {
        unsafe state = .dead
        _ = pause?.end()
        body = nil
        fail(error)
    }

    override package func endAbandoned(_ error: any Error) {
        unsafe state = .dead
        fail(error)
    }

    /// How it ended, nil before.
    public var outcome: Result<Success, any Error>? { end.outcome }

    /// It has returned.
    public var isSuccessful: Bool {
        if case .success? = end.outcome { true } else { false }
    }

    override func observeEnd(
        quietly: Bool,
        _ body: @escaping @Sendable ((any Error)?) -> Void
    ) -> Registration {
        let observer: @Sendable (Result<Success, any Error>) -> Void = { outcome in
            if case .failure(let error) = outcome { body(error) } else { body(nil) }
        }
        return quietly ? end._watch(observer) : end.observe(observer)
    }

    @usableFromInline
    func fail(_ error: any Error) {
        _ = end._fail(error is GreenletExit ? CancellationError() : error)
    }
}
