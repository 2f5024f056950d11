// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// What a greenlet that waits for its start keeps: its hub, which else only those keep that run on it.
///
/// It stands between the future and the greenlet, which nobody owns but its user: a consumer that cancels finds it or not.
@usableFromInline
package final class Pause: _Node, @unchecked Sendable {  // SAFETY: the state is behind a lock.
    private struct State {
        weak var greenlet: AnyGreenlet?
        var hub: Hub?
        var timers: [LoopTimer] = []
    }

    private let state: Lock<State>

    init(in hub: Hub) {
        state = Lock(State(hub: hub))
        super.init()
    }

    func belong(to greenlet: AnyGreenlet) { state.withLock { $0.greenlet = greenlet } }

    /// Ends with the pause, or has ended with it.
    func add(_ timer: LoopTimer) {
        let isOver = state.withLock { state in
            if state.hub == nil { return true }
            state.timers.append(timer)
            return false
        }
        if isOver { timer.cancel() }
    }

    /// False if it was over. The hub is kept until this has returned.
    func end(_ body: () -> Void = {}) -> Bool {
        let (hub, timers) = state.withLock { state in
            defer { (state.hub, state.timers) = (nil, []) }
            return (state.hub, state.timers)
        }
        guard hub != nil else { return false }
        for timer in timers { timer.cancel() }
        body()
        return true
    }

    override package func _takeCanceller(of future: _FutureCore) -> (@Sendable () -> CancellationAnswer)? {
        { [self] in
            let greenlet = state.withLock { $0.greenlet }
            greenlet?.kill()
            return greenlet == nil ? .stopped : .tooLate
        }
    }

    override package var _summary: String { "a greenlet that was not started" }
}

extension Greenlet {
    /// Makes a greenlet that does not run before it is started (gevent: Greenlet without start; Stackless: bind).
    ///
    /// Like `spawn` in all else. It may be killed, linked and waited for before that. One that is dropped unstarted fails with
    /// ``/Futures/BrokenPromise``, which is reported if nobody waits for it.
    public static func paused(
        on loop: (any Loop)? = nil,
        name: String? = nil,
        stackSize: Int = 0,
        context: SpawnContext = .empty,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: sending @escaping () throws -> Success
    ) -> Greenlet<Success> {
        let place = unsafe Hub.forSpawn(on: loop)
        let pause = unsafe Pause(in: place.hub.takeUnretainedValue())
        let greenlet = unsafe make(at: place, pause: pause, name, stackSize, fileID, line, body)
        greenlet.adopt(context)
        pause.belong(to: greenlet)
        return greenlet
    }

    /// Makes a greenlet that starts after a while (gevent: spawn_later).
    ///
    /// - Executor: As `spawn`; the time is the loop's. The loop keeps the greenlet until then.
    /// - Cancellation: A kill before the start is the end, and the body never runs.
    /// - Errors: ``/Futures/LoopClosed`` if the loop ends first.
    @discardableResult
    public static func spawnLater(
        _ delay: Duration,
        on loop: (any Loop)? = nil,
        name: String? = nil,
        stackSize: Int = 0,
        context: SpawnContext = .empty,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: sending @escaping () throws -> Success
    ) -> Greenlet<Success> {
        let greenlet = paused(
            on: loop,
            name: name,
            stackSize: stackSize,
            context: context,
            fileID: fileID,
            line: line,
            body
        )
        greenlet.startLater(delay)
        return greenlet
    }

    /// Runs a greenlet that waits for something awaitable, of any style, and ends as that does (eventlet:
    /// spawn_for_awaitable).
    ///
    /// - Cancellation: A kill cancels what it waits for, a task, too; so does a consumer that cancels the greenlet.
    /// - Errors: The source's.
    @discardableResult
    public static func spawn(
        for source: some Awaitable<Success>,
        on loop: (any Loop)? = nil,
        name: String? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Greenlet<Success> where Success: Sendable {
        let greenlet = spawn(on: loop, name: name, fileID: fileID, line: line) { try source.wait() }
        // Who leaves a task leaves it running, since others might await it: this greenlet stands for it, also if it was killed
        // before it began.
        if let handle = source as? any _Handle {
            _ = greenlet.observeEnd(quietly: true) { error in if error != nil { handle._cancel() } }
        }
        return greenlet
    }
}

extension Greenlet {
    /// Runs the body of a paused greenlet here, instead of on a stack of its own.
    func runHere() {
        guard let pause, pause.end() else { return }
        unsafe state = .dead
        main()
    }
}

extension AnyGreenlet {
    /// Schedules a greenlet that was made paused. Harmless for one that was started, has ended, or was never paused.
    ///
    /// - Executor: Any thread.
    public final func start() {
        guard let pause else { return }
        _ = pause.end {
            completion._takeProducer(self)
            begin(isHere: false)
        }
    }

    final func startLater(_ delay: Duration) {
        guard let pause else { return }
        let loop = unsafe hub.loop
        pause.add(loop.schedule(at: loop.now.advanced(by: delay)) { self.start() })
        pause.add(loop.whenClosed { self.interrupt(self.hub.closedError(self)) })
    }

    /// It was scheduled, and has not ended.
    public final var isStarted: Bool { !isDead && !(pause?.isWaiting ?? false) }
}

extension Pause {
    fileprivate var isWaiting: Bool { state.withLock { $0.hub != nil } }
}
