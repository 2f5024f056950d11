// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#if os(Linux) && !SWITCHYARD_PTHREAD_LOCK
import ConversionTesting
import Futures
import Glibc
import Testing

/// Counts under the lock by halves, so that a thread that comes in between is seen.
private final class Tally: Sendable {
    struct State {
        var begun = 0
        var ended = 0
        var mixed = 0
    }

    let lock = BiasedLock(State())

    func count() {
        lock.withLock { state in
            if state.begun != state.ended { state.mixed += 1 }
            state.begun += 1
            state.ended += 1
        }
    }

    func count(_ times: Int) { for _ in 0..<times { count() } }
    var hasFavourite: Bool { lock.isBiased }
    /// Asking ends the favour.
    var total: Int { lock.withLock { $0.mixed == 0 ? $0.ended : -1 } }
}

@Suite("Locks that favour a thread")
struct BiasedLockTests {
    @Test("K14: who locks it many times in a row becomes the favourite; the first other thread ends that, for good")
    func favourite() async throws {
        let tally = Tally()
        let bias = try await onThread { () -> [Bool] in
            tally.count(63)
            let before = tally.hasFavourite
            tally.count(1)
            return [before, tally.hasFavourite]
        }
        #expect(bias == [false, true])
        try await onThread { tally.count(1) }
        #expect(!tally.hasFavourite)
        try await onThread { tally.count(1_000) }
        #expect(!tally.hasFavourite)
        #expect(tally.total == 1_065)
    }

    @Test("K14: what goes from thread to thread from the start has no favourite, and none to be revoked")
    func wandering() async throws {
        let tally = Tally()
        for _ in 0..<6 { try await onThread { tally.count(2) } }
        try await onThread { tally.count(1_000) }
        #expect(!tally.hasFavourite)
        #expect(tally.total == 1_012)
    }

    @Test("K14: a revocation leaves no moment in which two are inside, whatever the favourite is doing then")
    func revocations() async throws {
        let rounds = scaled(5_000)
        let tallies = (0..<rounds).map { _ in Tally() }
        let turn = Box(-1)
        let favourite = startThread {
            for (round, tally) in tallies.enumerated() {
                tally.count(64)
                precondition(tally.hasFavourite)
                turn.value = round
                // Until the other one has come; it may find this thread inside.
                while tally.hasFavourite { tally.count() }
            }
        }
        let other = startThread {
            for (round, tally) in tallies.enumerated() {
                spin { turn.value >= round }
                tally.count()
            }
        }
        _ = try await (favourite.value, other.value)
        #expect(tallies.allSatisfy { $0.total > 64 && !$0.hasFavourite })
    }

    @Test("K14: a forked child revokes what a thread of the parent was the favourite of")
    func forkedChild() async {
        await #expect(processExitsWith: .exitCode(42)) {
            let status = try await onThread { () -> Int32 in
                let tally = Tally()
                try startThread { tally.count(1_000) }.wait()
                guard tally.hasFavourite else { return 2 }
                let status = forked {
                    tally.count(1)
                    return tally.total == 1_001 && !tally.hasFavourite ? 42 : 3
                }
                return tally.hasFavourite && tally.total == 1_000 ? status : 4
            }
            exit(status)
        }
    }

    #if DEBUG
    @Test("in a debug build a favourite that takes the lock it holds is stopped by a message")
    func recursion() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let tally = Tally()
            tally.count(100)
            tally.lock.withLock { _ in tally.count() }
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("taken by the thread that holds it"))
    }
    #endif
}
#endif
