// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

extension Greenlet where Success == Void {
    /// Calls back after a while, unless the greenlet that asks has ended by then (eventlet: a local timer).
    ///
    /// A timer of the loop's own, `loop.schedule`, is called whoever has ended (eventlet: a global timer).
    ///
    /// - Executor: The greenlet's loop, outside of greenlets: the function may not wait, but may spawn. Timers of one instant are
    ///   called in the order in which they were made.
    /// - Cancellation: Through the result; the end of the greenlet.
    /// - Errors: ``GreenletMisuse`` outside of a greenlet.
    @discardableResult
    public static func schedule(
        after delay: Duration,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: @escaping @Sendable () -> Void
    ) throws -> LoopTimer {
        guard let greenlet = current else {
            throw GreenletMisuse(
                "a timer of a greenlet was made outside of one, at \(SourceSite(fileID: fileID, line: line)). Use loop.schedule."
            )
        }
        let timer = LocalTimer()
        let loop = greenlet.loop
        timer.begin(
            loop.schedule(at: loop.now.advanced(by: delay)) {
                timer.end()
                body()
            },
            greenlet.observeEnd(quietly: true) { _ in timer.end() }
        )
        return LoopTimer { timer.end() }
    }
}

/// A timer of the loop's and a place among the greenlet's observers, each of which ends the other.
private final class LocalTimer: Sendable {
    private struct State {
        var isOver = false
        var timer: LoopTimer?
        var registration: Registration?
    }

    private let state = Lock(State())

    func begin(_ timer: LoopTimer, _ registration: Registration) {
        let isOver = state.withLock { state in
            if !state.isOver { (state.timer, state.registration) = (timer, registration) }
            return state.isOver
        }
        if isOver { finish(timer, registration) }
    }

    /// True if the function is not called any more.
    @discardableResult
    func end() -> Bool {
        let (timer, registration) = state.withLock { state in
            defer { state = State(isOver: true) }
            return (state.timer, state.registration)
        }
        return finish(timer, registration)
    }

    @discardableResult
    private func finish(_ timer: LoopTimer?, _ registration: Registration?) -> Bool {
        registration?.withdraw()
        return timer?.cancel() ?? false
    }
}
