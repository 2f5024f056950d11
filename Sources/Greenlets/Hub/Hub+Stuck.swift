// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures
import Synchronization

extension Hub {
    /// Says that somebody outside of the loop is going to post to it: until that is over, no wait there counts as one that
    /// nothing can end any more. See ``Deadlock``.
    ///
    ///     let expected = Hub.expectPosts(on: loop)
    ///     pool.submit { loop.post { try? channel.trySend(1) } }
    ///     // … when the last one has been posted, from any thread:
    ///     expected.end()
    ///
    /// - Executor: From any thread.
    /// - Complexity: O(1).
    public static func expectPosts(on loop: any Loop) -> ExpectedPosts { ExpectedPosts(on: loop) }

    /// On the loop's own stack, when nothing of the loop's own will wake it: if each greenlet waits for what only another one
    /// of them could do, one is told.
    ///
    /// - Parameter awaited: What the loop is run for. If that is not what a greenlet does, somebody else may complete it, and
    ///   then things go on.
    /// - Returns: Whether one was told, and goes on.
    func endStuckWait(awaited: _FutureCore?) -> Bool {
        if isClosed || expectedPosts.load(ordering: .acquiring) != 0 { return false }
        if let free, unsafe free.isListed, !free.isStuck { return false }
        free = nil
        let all = unsafe live.all
        if let other = all.first(where: { !$0.isStuck }) {
            free = other
            return false
        }
        guard let one = all.isEmpty ? nil : oneToTell(of: all, awaited: awaited) else { return false }
        one.interrupt(Deadlock(waiters: all.map(\.waitingLine)))
        return true
    }

    /// The one that the awaited greenlet waits for, over any number of others; the first if the loop is run for all of them.
    private func oneToTell(of all: [AnyGreenlet], awaited: _FutureCore?) -> AnyGreenlet? {
        guard let awaited else { return all[0] }
        guard var one = awaited._producer as? AnyGreenlet else {
            return idleWaiters.contains { $0.future === awaited } ? all[0] : nil
        }
        guard unsafe one.scheduler == scheduler, unsafe one.isListed else { return nil }
        // Circles are refused when they would be closed; all the same, no further than there are greenlets.
        for _ in all {
            guard let next = one.awaitedGreenlet else { break }
            one = next
        }
        return one
    }
}

extension AnyGreenlet {
    /// It is parked, without a deadline, for something that only greenlets of its hub can do.
    fileprivate final var isStuck: Bool {
        guard unsafe state == .started && isParked && isInterruptible && !hasDeadline && !hasUnpark, !isHosted,
            let source = unsafe waitsFor
        else { return false }
        if let next = awaitedGreenlet { return unsafe next.scheduler == scheduler && next.isListed }
        return unsafe source._withUnsafeGuaranteedRef { $0._confinement } == ObjectIdentifier(loop)
    }

    /// Whose end it waits for.
    fileprivate final var awaitedGreenlet: AnyGreenlet? {
        unsafe waitsFor?._withUnsafeGuaranteedRef { ($0 as? _FutureCore)?._producer as? AnyGreenlet }
    }

    fileprivate final var waitingLine: String {
        let source = unsafe waitsFor?.takeUnretainedValue()
        return "\(_summary) waits for \(source?._summary ?? "nothing")"
    }
}

/// Somebody is going to post to a loop: see ``Hub/expectPosts(on:)``. Ends when it is released, at the latest.
public final class ExpectedPosts: Sendable {
    private let hub: Hub
    /// The hub does not keep its loop, which may be released first.
    private let poster: any CallbackExecutor
    private let hasEnded = Lock(false)

    fileprivate init(on loop: any Loop) {
        hub = Hub.of(loop)
        poster = loop._poster
        hub.expectedPosts.wrappingAdd(1, ordering: .relaxed)
    }

    deinit { end() }

    /// Nothing more is to come: the loop looks at its greenlets again. From any thread; a second time does nothing.
    public func end() {
        let isFirst = hasEnded.withLock { hasEnded in
            defer { hasEnded = true }
            return !hasEnded
        }
        guard isFirst else { return }
        hub.expectedPosts.wrappingSubtract(1, ordering: .releasing)
        poster.post {}
    }
}
