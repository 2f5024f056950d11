// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// A limit for all that a greenlet waits for until it is cancelled (gevent: Timeout).
///
///     let page = try Greenlet.withTimeout(.seconds(5)) { _ in try fetch(a).wait() + fetch(b).wait() }
///
/// When it runs out it is thrown at the greenlet's wait in progress, or at its next one. It is an error of its own identity, so
/// that limits nest: who catches one compares with `===`, and lets pass what is another's. A single wait has
/// `wait(timeout:)`, and a ``/Futures/Call`` its `timeout(_:)`.
///
/// - Executor: The timer runs on the greenlet's loop, by its clock.
/// - Cancellation: A kill that comes as well is thrown first; the limit stays for a later wait.
/// - Errors: Itself, or the error it was made with.
public final class Timeout: Error, Sendable, CustomStringConvertible {
    private struct State {
        var greenlet: AnyGreenlet?
        var timer: LoopTimer?
    }

    /// How long; nil is no limit.
    public let limit: Duration?
    /// What is thrown instead of this.
    public let error: (any Error)?
    private let site: SourceSite
    private let state = Lock(State())

    /// Makes a limit, which does not run yet. See `Greenlet.withTimeout`, which starts and cancels it.
    ///
    /// - Parameter error: What is thrown instead of this object.
    public init(
        _ limit: Duration?,
        throwing error: (any Error)? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) {
        self.limit = limit
        self.error = error
        site = SourceSite(fileID: fileID, line: line)
    }

    /// Starts it for the greenlet that calls. A limit of zero or below has run out at the next wait.
    ///
    /// - Errors: ``GreenletMisuse`` outside of a greenlet, and for one that runs already.
    @available(*, noasync, message: "use `call.timeout(_:)`")
    public func start() throws {
        guard let greenlet = Greenlet.current else {
            throw GreenletMisuse(
                "a Timeout was started outside of a greenlet, at \(site). Give the limit to the wait, as in wait(timeout:), or run"
                    + " the code in Greenlet.spawn or Greenlet.run."
            )
        }
        let isFree = state.withLock { state in
            if state.greenlet != nil { return false }
            state.greenlet = greenlet
            return true
        }
        guard isFree else {
            throw GreenletMisuse("the Timeout of \(site) was started while it ran. Make one for each scope.")
        }
        guard let limit else { return }
        if limit <= .zero { return greenlet.expire(self) }
        let loop = greenlet.loop
        let timer = loop.schedule(at: loop.now.advanced(by: limit)) { [weak self] in self?.runOut() }
        state.withLock { $0.timer = timer }
    }

    /// On the greenlet's loop.
    private func runOut() {
        let greenlet = state.withLock { state in
            state.timer = nil
            return state.greenlet
        }
        greenlet?.expire(self)
    }

    /// Ends it: a limit that has run out and was not thrown yet is not thrown any more. Harmless if it does not run.
    ///
    /// - Executor: The greenlet's; from elsewhere it takes effect a little later.
    public func cancel() {
        let (greenlet, timer) = state.withLock { state in
            defer { state = State() }
            return (state.greenlet, state.timer)
        }
        timer?.cancel()
        greenlet?.forget(self)
    }

    /// It was started, and neither cancelled nor has it run out.
    public var isPending: Bool { state.withLock { $0.timer != nil || $0.greenlet != nil && limit == nil } }

    /// What happened, where it began, what to do.
    public var description: String {
        let limit = limit.map { "\($0)" } ?? "no time"
        return
            "Timeout: the limit of \(limit) that was set at \(site) has run out before its scope had ended. Let it pass to"
            + " where it was set, or allow more time there."
    }
}

extension Greenlet where Success == Void {
    /// Runs blocking code with a limit for all its waits together.
    ///
    /// - Executor: The calling greenlet.
    /// - Errors: The body's; the ``Timeout`` when it has run out, or `error` in its place; ``GreenletMisuse`` outside of a
    ///   greenlet.
    /// - Parameters:
    ///   - limit: Nil is none.
    ///   - error: What is thrown instead of the `Timeout`.
    @available(*, noasync, message: "use `call.timeout(_:)`")
    @discardableResult
    public static func withTimeout<Result>(
        _ limit: Duration?,
        throwing error: (any Error)? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: (Timeout) throws -> Result
    ) throws -> Result {
        let timeout = Timeout(limit, throwing: error, fileID: fileID, line: line)
        try timeout.start()
        defer { timeout.cancel() }
        return try body(timeout)
    }

    /// Runs blocking code with a limit, and answers something else when that has run out (gevent: with_timeout).
    ///
    /// Another scope's limit passes through, also if it has the same length.
    @available(*, noasync, message: "use `call.timeout(_:)`")
    @discardableResult
    public static func withTimeout<Result>(
        _ limit: Duration?,
        fallback: @autoclosure () throws -> Result,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: () throws -> Result
    ) throws -> Result {
        let timeout = Timeout(limit, fileID: fileID, line: line)
        do {
            try timeout.start()
            defer { timeout.cancel() }
            return try body()
        } catch let error as Timeout where error === timeout { return try fallback() }
    }
}
