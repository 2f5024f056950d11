// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#if os(Linux)
import CFutures
import ConversionTesting
import Futures
import Glibc
import Testing

@Suite("Locks and forks")
struct ForkTests {
    // ThreadSanitizer bears no new thread in a forked child.
    #if !SWITCHYARD_PTHREAD_LOCK
    @Test("K12: a lock that was used before a fork is contended in the child, by threads of the child")
    func contended() async {
        await #expect(processExitsWith: .exitCode(42)) {
            let status = try await onThread { () -> Int32 in
                let lock = Lock(0)
                lock.withLock { $0 += 1 }
                return forked {
                    let helper = Helper { for _ in 0..<200_000 { lock.withLock { $0 += 1 } } }
                    for _ in 0..<200_000 {
                        lock.withLock { count in
                            count += 1
                            if count % 7 == 0 { sy_thread_yield() }
                        }
                    }
                    guard helper.hasEnded() else { return 2 }
                    return lock.withLock { $0 } == 400_001 ? 42 : 3
                }
            }
            exit(status)
        }
    }
    #endif

    #if DEBUG && !SWITCHYARD_PTHREAD_LOCK
    @Test("in a debug build a thread that takes a lock it holds is stopped by a message, also in a forked child")
    func recursion() async {
        let direct = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let lock = Lock(0)
            lock.withLock { _ in lock.withLock { $0 = 1 } }
        }
        let child = await #expect(processExitsWith: .exitCode(42), observing: [\.standardErrorContent]) {
            let lock = Lock(0)
            lock.withLock { $0 = 1 }
            let status = forked {
                lock.withLock { $0 = 2 }
                lock.withLock { _ in lock.withLock { $0 = 3 } }
                return 42
            }
            exit(status == 1 ? 42 : 2)
        }
        for result in [direct, child] {
            let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
            #expect(text.contains("taken by the thread that holds it"))
        }
    }
    #endif
}

/// What the child's body returned; 1 if it did not end by itself, or not in time.
private func forked(_ body: () -> Int32) -> Int32 {
    let child = fork()
    if child == 0 { _exit(body()) }
    var status: Int32 = 0
    guard blockUntil(within: .seconds(120), { unsafe waitpid(child, &status, WNOHANG) != 0 }) else {
        kill(child, SIGKILL)
        return 1
    }
    return status & 0x7f == 0 ? status >> 8 : 1
}

/// A plain thread.
private final class Helper: Sendable {
    private let body: @Sendable () -> Void
    private let end = Box(false)

    init(_ body: @escaping @Sendable () -> Void) {
        self.body = body
        // SAFETY: released by the thread.
        let reference = unsafe Unmanaged.passRetained(self)
        _ = unsafe sy_thread_start(
            "helper",
            0,
            {
                let helper = unsafe Unmanaged<Helper>.fromOpaque($0!).takeRetainedValue()
                helper.body()
                helper.end.value = true
            },
            reference.toOpaque()
        )
    }

    func hasEnded() -> Bool { blockUntil { end.value } }
}
#endif
