// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// A result that will be there later, with a pipeline of callbacks and errbacks that it runs through (Twisted: Deferred).
///
/// The holder of a Deferred adds stages; its producer fires it once. Each stage gets what the stage before it has left: a
/// value goes to the next callback, an error to the next errback; what a stage throws is the error of the next one, and
/// an errback that returns is back on the track of the values.
///
///     let page = Deferred<String> { _ in connection.close() }
///     page.addCallback { text in text.trimmed }
///         .addErrback { _ in "nothing there" }
///         .addTimeout(.seconds(5), on: loop)
///     connection.onEnd { text in try? page.callback(text) }
///
/// Stages keep the type of the value; `then` goes on with another one. A stage may return a Deferred:
/// the pipeline stops until that one has its result, which it takes over.
///
/// A Deferred is an adapter: at each end of the pipeline stand `Future`s and async functions, which see one outcome that no
/// later stage changes. `value`, `wait()`, `future()` and `callback(on:)` see the result behind the stages added so far.
///
/// One handle is both ends. A consumer who keeps only a `future()` of it learns with `BrokenPromise` when everybody who
/// could fire the Deferred has dropped it; so do the stages of a Deferred that is dropped unfired, on a background thread.
///
/// - Executor: Stages run on the thread that fires, on that of the adder if the result is there, in the order in which
///   they were added and never nested. No lock is held.
/// - Cancellation: See ``cancel()``.
/// - Errors: A failure that no stage has handled and nobody has observed when the Deferred is released is reported once,
///   through the `Reporter`. A cancellation is an outcome, but not reported.
public final class Deferred<Success: Sendable>: _DeferredCore, @unchecked Sendable {  // SAFETY: as in `_DeferredCore`.
    /// Makes a Deferred that has not fired.
    ///
    /// - Parameters:
    ///   - label: Names it in diagnostics; release builds have only this.
    ///   - canceller: What ``cancel()`` calls, once, with this Deferred: it stops the work, and may fire. Dropped when the
    ///     Deferred fires, so it may own the work. What it throws is reported.
    public convenience init(
        _ label: String? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        canceller: (@Sendable (Deferred<Success>) throws -> Void)? = nil
    ) {
        var state = DeferredState()
        // SAFETY: a core calls its own canceller, with itself.
        state.canceller = canceller.map { canceller in
            .custom { core in try canceller(unsafe unsafeDowncast(core, to: Deferred<Success>.self)) }
        }
        self.init(state, label, fileID, line)
    }

    override init(_ state: consuming DeferredState, _ label: String?, _ fileID: StaticString, _ line: UInt) {
        super.init(state, label, fileID, line)
    }

    // MARK: Firing

    /// Fires with a value: runs the stages (Twisted: Deferred.callback).
    ///
    /// - Executor: The stages run on the calling thread, before this returns, unless the Deferred is paused.
    /// - Errors: ``AlreadyCalled`` if it had fired before. The one fire that comes after a cancellation without a canceller is
    ///   swallowed instead.
    public func callback(_ value: Success, fileID: StaticString = #fileID, line: UInt = #line) throws {
        try fire(.value(value), fileID, line)
    }

    /// Fires with an error: runs the stages, beginning with the first errback (Twisted: Deferred.errback).
    ///
    /// - Executor: As with ``callback(_:fileID:line:)``.
    /// - Errors: As with ``callback(_:fileID:line:)``.
    public func errback(_ error: any Error, fileID: StaticString = #fileID, line: UInt = #line) throws {
        try fire(.failure(error), fileID, line)
    }

    // MARK: Boxes

    /// `settle`, with the type checked.
    func settle(value: Success) { settle(.value(value)) }

    static func unbox(_ value: any Sendable) -> Success { value as! Success }

    static func unbox(_ result: Result<any Sendable, any Error>) -> Result<Success, any Error> {
        switch result {
        case .success(let value): .success(unbox(value))
        case .failure(let error): .failure(error)
        }
    }
}
