// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures
import Greenlets

extension Signal {
    /// Has each delivery write a dump of all greenlets of the process: `kill -USR2` shows where a program hangs (gevent:
    /// gevent.util.print_run_info on a signal).
    ///
    ///     try Signal.user2.dumpsGreenlets()
    ///
    /// It works while loops are blocked: those are shown with the greenlet that holds their thread. See
    /// ``/Greenlets/Hub/dumpAll(within:backtraces:)``.
    ///
    /// - Executor: The sink is called on a thread of its own.
    /// - Cancellation: Through the subscription; dropping that leaves it in place.
    /// - Errors: ``SignalUnavailable``; ``SignalsForked``.
    /// - Parameters:
    ///   - sink: What takes the text; by default it is written to standard error.
    ///   - limit: How long all loops together have to answer.
    ///   - backtraces: Also where the greenlets are.
    @discardableResult
    public func dumpsGreenlets(
        to sink: (@Sendable (String) -> Void)? = nil,
        within limit: Duration = .seconds(1),
        backtraces: Bool = false
    ) throws -> Subscription {
        let sink = sink ?? { StandardError.write($0 + "\n") }
        return try handle { _ in
            Hub.dumpAll(within: limit, backtraces: backtraces).callback { outcome in
                switch outcome {
                case .success(let text): sink(text)
                case .failure(let error): sink("no dump of the greenlets: \(error)")
                }
            }
        }
    }
}
