// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

extension AnyGreenlet {
    /// Ends the greenlet and waits until it has ended: its handlers have run then (gevent: kill with block).
    ///
    /// - Executor: Where `join` is legal. A greenlet that kills itself so gets the error thrown here.
    /// - Errors: ``/Futures/TimedOut`` if it goes on waiting for so long: it has swallowed the kill, which is reported as well.
    ///   What `join` throws.
    /// - Parameter timeout: Nil waits for ever.
    @available(*, noasync, message: "use `kill()`, then `await greenlet.value`")
    public final func kill(_ error: any Error = GreenletExit(), waiting timeout: Duration?) throws {
        if Greenlet.current === self { throw error }
        kill(error)
        do { try join(timeout: timeout) } catch let late as TimedOut {
            reportIfAlive(after: late.limit)
            throw late
        }
    }

    /// Ends one that has not begun, and leaves one that has (eventlet: cancel).
    ///
    /// - Executor: Any thread; another one than the greenlet's comes too late for what begins there meanwhile.
    public final func cancelIfPending(_ error: any Error = GreenletExit()) {
        if isDead { return }
        unsafe scheduler.pointee.act { [self] in if unsafe state == .pending { interrupt(error) } }
    }
}

extension Greenlet where Success == Void {
    /// Kills greenlets, all at once (gevent: killall).
    ///
    /// - Executor: Any thread; one that waits has to be a greenlet or a plain thread.
    /// - Errors: None: one that does not end in time is reported.
    public static func killAll(_ greenlets: some Sequence<some AnyGreenlet>, _ error: any Error = GreenletExit()) {
        for greenlet in greenlets { greenlet.kill(error) }
    }

    /// Kills greenlets and waits until they have ended.
    ///
    /// - Errors: ``/Futures/TimedOut`` if some live on; each of them is reported. What `join` throws.
    @available(*, noasync, message: "use `killAll(_:)`, then await each")
    public static func killAll(
        _ greenlets: some Sequence<some AnyGreenlet>,
        _ error: any Error = GreenletExit(),
        waiting timeout: Duration?
    ) throws {
        let greenlets: [AnyGreenlet] = greenlets.map { $0 }
        killAll(greenlets.filter { $0 !== current }, error)
        do { try joinEach(greenlets.filter { $0 !== current }, timeout) } catch let late as TimedOut {
            for greenlet in greenlets where !greenlet.isDead && greenlet !== current {
                greenlet.reportIfAlive(after: late.limit)
            }
            throw late
        }
        if greenlets.contains(where: { $0 === current }) { throw error }
    }

    /// Waits until all have ended, however they did (gevent: joinall).
    ///
    /// - Executor: A greenlet parks, a plain thread blocks.
    /// - Errors: ``/Futures/TimedOut``, naming how many live; those that have swallowed a kill are reported. A kill of the caller; what `join` throws where it is refused.
    ///   With `throwing` the first failure in time, as soon as it comes; a greenlet that was killed has not failed.
    /// - Complexity: O(n).
    @available(*, noasync, message: "use `for greenlet in greenlets { try await greenlet.value }`")
    public static func joinAll(
        _ greenlets: some Sequence<some AnyGreenlet>,
        timeout: Duration? = nil,
        throwing: Bool = false
    ) throws {
        let greenlets: [AnyGreenlet] = greenlets.map { $0 }
        do { try throwing ? joinThrowing(greenlets, timeout) : joinEach(greenlets, timeout) } catch let late as TimedOut
        {
            for greenlet in greenlets { greenlet.reportIfKillIsSwallowed(after: late.limit) }
            throw late
        }
    }

    private static func joinEach(_ greenlets: [AnyGreenlet], _ timeout: Duration?) throws {
        let deadline = timeout.map { LoopInstant.ofWaiter.advanced(by: $0) }
        for greenlet in greenlets where !greenlet.isDead {
            do { try greenlet.join(timeout: deadline.map { LoopInstant.ofWaiter.duration(to: $0) }) } catch is TimedOut
            {
                throw TimedOut(after: timeout ?? .zero, waitingFor: unended(greenlets))
            }
        }
    }

    private static func joinThrowing(_ greenlets: [AnyGreenlet], _ timeout: Duration?) throws {
        let gate = Future<Void>.pending()
        let missing = Lock(greenlets.count)
        if greenlets.isEmpty { return }
        let registrations = greenlets.map { greenlet in
            greenlet.observeEnd { error in
                let isLast = missing.withLock { missing in
                    missing -= 1
                    return missing == 0
                }
                if let error, !(error is CancellationError) { _ = gate._fail(error) }
                if isLast { _ = gate._succeed(()) }
            }
        }
        defer { for registration in registrations { registration.withdraw() } }
        do { try gate.wait(timeout: timeout) } catch is TimedOut {
            throw TimedOut(after: timeout ?? .zero, waitingFor: unended(greenlets))
        }
    }

    private static func unended(_ greenlets: [AnyGreenlet]) -> String {
        let living = greenlets.filter { !$0.isDead }
        let names = living.prefix(3).map(\.displayName).joined(separator: ", ")
        return "\(living.count) of \(greenlets.count) greenlets (\(names)\(living.count > 3 ? ", …" : ""))"
    }

    /// Waits until all of them, or so many, are complete (gevent: wait).
    ///
    /// - Returns: What is complete, in the order in which it came, each with its place among the arguments; less than asked
    ///   for when the time is up.
    /// - Executor: A greenlet parks, a plain thread blocks.
    /// - Cancellation: Nobody is cancelled; the others go on, and nothing of this wait stays with them.
    /// - Errors: None of the sources': a failure is an outcome. A kill of the caller; what `wait()` throws where it is refused.
    @available(*, noasync, message: "use `for await` on Future.asCompleted(_:)")
    public static func wait<Source: Awaitable>(
        for sources: some Sequence<Source>,
        count: Int? = nil,
        timeout: Duration? = nil
    ) throws -> [Completion<Int, Source.Success>] where Source.Success: Sendable {
        let deadline = timeout.map { LoopInstant.ofWaiter.advanced(by: $0) }
        let completions = Future.asCompleted(sources)
        var complete: [Completion<Int, Source.Success>] = []
        while complete.count < count ?? .max {
            do {
                let left = deadline.map { LoopInstant.ofWaiter.duration(to: $0) }
                guard let next = try completions.waitNext(timeout: left) else { break }
                complete.append(next)
            } catch is TimedOut { break }
        }
        return complete
    }

    /// What is complete, in the order in which it comes (gevent: iwait).
    ///
    ///     let pages = Greenlet.iwait(for: greenlets)
    ///     while let page = try pages.waitNext() { … }
    ///
    /// Who leaves early leaves nothing with the sources. See ``/Futures/Completions``, which is the same for every style.
    public static func iwait<Source: Awaitable>(
        for sources: some Sequence<Source>
    ) -> Completions<Int, Source.Success> where Source.Success: Sendable { Future.asCompleted(sources) }
}

extension LoopInstant {
    /// Now, by the clock of who waits here.
    static var ofWaiter: LoopInstant {
        if case .greenlet(let parker) = WaitContext.current { parker._clock.now } else { .now }
    }
}
