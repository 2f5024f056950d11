// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// A lock between processes: a file, looked at again and again on a loop (Twisted: DeferredFilesystemLock).
///
/// The file is a symbolic link that names the process which holds it, as Twisted makes it; one whose process is gone is taken
/// over. While it is, a second file exists, with `.takeover` at the end of its name: of several who find the link stale one
/// removes it, and nobody a lock that was taken meanwhile. Twisted's own processes do not ask for that file.
///
/// A process that is gone is known by its number: all have to be on one machine, and in one namespace of processes.
public final class DeferredFilesystemLock: Sendable {
    private struct State {
        var isHeld = false
        var attempt: Attempt?
    }

    private let state = Lock(State())
    private let file: LockFile
    private let loop: any Loop
    private let interval: Duration

    /// Makes a lock that is not held.
    ///
    /// - Parameters:
    ///   - path: The lock file, in a folder that all processes can write to.
    ///   - loop: Where the time passes.
    ///   - interval: The time between two looks.
    public init(path: String, on loop: any Loop, lookingEvery interval: Duration = .seconds(1)) {
        file = LockFile(path: path)
        self.loop = loop
        self.interval = interval
    }

    /// This object holds the lock.
    public var isHeld: Bool { state.withLock { $0.isHeld } }

    /// Takes the lock if it is free.
    ///
    /// - Returns: False if a living process, perhaps this one, holds it, or is taking over a stale one.
    /// - Errors: ``LockFileError``.
    public func lock() throws -> Bool {
        guard try file.tryLock() else { return false }
        state.withLock { $0.isHeld = true }
        return true
    }

    /// Releases the lock.
    ///
    /// - Errors: ``LockFileNotHeld``; ``LockFileError``.
    public func unlock() throws {
        guard isHeld else { throw LockFileNotHeld(path: file.path) }
        try file.unlock()
        state.withLock { $0.isHeld = false }
    }

    /// Takes the lock when it is free. When that has ended, in whatever way, it can be used again.
    ///
    /// - Executor: The first look is made here, the others on the loop.
    /// - Cancellation: Ends the attempt with `CancellationError`, after one more look: a lock that is free by then is taken.
    /// - Errors: ``/Futures/TimedOut``, after one more look as well; ``AlreadyTryingToLock`` while an earlier attempt of this
    ///   object is under way; ``LockFileError``; ``/Futures/LoopClosed``.
    public func deferUntilLocked(
        timeout: Duration? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Deferred<Void> {
        let attempt = Attempt()
        let isFirst = state.withLock { state in
            guard state.attempt == nil else { return false }
            state.attempt = attempt
            return true
        }
        guard isFirst else { return .fail(AlreadyTryingToLock(path: file.path), fileID: fileID, line: line) }
        let deferred = Deferred<Void>(fileID: fileID, line: line) { deferred in
            self.finish(attempt, deferred, CancellationError())
        }
        look(attempt, deferred)
        guard !attempt.isOver else { return deferred }
        let name = loop.name
        attempt.keep(
            loop.whenClosed {
                self.finish(attempt, deferred, LoopClosed(loop: name, operation: "an attempt to take a lock file"))
            }
        )
        if let timeout {
            let error = TimedOut(after: timeout, waitingFor: "the lock file \(file.path)", cancelling: true)
            attempt.keep(loop.schedule(after: timeout) { self.finish(attempt, deferred, error) })
        }
        return deferred
    }

    private func look(_ attempt: Attempt, _ deferred: Deferred<Void>) {
        do {
            if try lock() {
                if end(attempt) { deferred.settle(value: ()) } else { try unlock() }
            } else if !attempt.isOver {
                attempt.next(loop.schedule(after: interval) { self.look(attempt, deferred) })
            }
        } catch {
            if end(attempt) { deferred.settle(.failure(error)) }
        }
    }

    /// The attempt is over, but for one more look.
    private func finish(_ attempt: Attempt, _ deferred: Deferred<Void>, _ reason: any Error) {
        guard end(attempt) else { return }
        do {
            if try lock() { deferred.settle(value: ()) } else { deferred.settle(.failure(reason)) }
        } catch { deferred.settle(.failure(reason)) }
    }

    /// True for the one who decides the attempt.
    private func end(_ attempt: Attempt) -> Bool {
        guard attempt.end() else { return false }
        state.withLock { $0.attempt = nil }
        return true
    }

    /// One attempt to take the lock, and the timers that belong to it.
    private final class Attempt: Sendable {
        private struct State {
            var isOver = false
            var look: LoopTimer?
            var limits: [LoopTimer] = []
        }

        private let state = Lock(State())

        var isOver: Bool { state.withLock { $0.isOver } }

        func next(_ timer: LoopTimer) {
            keep {
                $0.look = timer
            } orCancel: {
                timer
            }
        }
        func keep(_ timer: LoopTimer) {
            keep {
                $0.limits.append(timer)
            } orCancel: {
                timer
            }
        }

        private func keep(_ change: (inout State) -> Void, orCancel timer: () -> LoopTimer) {
            let isLate = state.withLock { state in
                if !state.isOver { change(&state) }
                return state.isOver
            }
            if isLate { timer().cancel() }
        }

        /// True for the first.
        func end() -> Bool {
            let (isFirst, timers) = state.withLock { state in
                defer { (state.isOver, state.look, state.limits) = (true, nil, []) }
                return (!state.isOver, state.limits + [state.look].compactMap { $0 })
            }
            for timer in timers { timer.cancel() }
            return isFirst
        }
    }
}
