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

    @Test(
        "K13: reports and timers without a loop work in a child that was forked in the middle of both, and leave the parent's alone"
    )
    func background() async {
        await #expect(processExitsWith: .exitCode(42)) {
            let status = try await onThread { () -> Int32 in
                let seen = Box(0)
                Reporter.replace { report in seen.change { $0 += "\(report)".count } }
                let isOver = Box(false)
                ForkTests.keepBackgroundBusy(until: { true })
                guard forked({ ForkTests.useBackground() }) == 42 else { return 2 }
                let helpers = (0..<2).map { _ in
                    Helper { ForkTests.keepBackgroundBusy(until: { isOver.value }) }
                }
                for _ in 0..<50 {
                    let status = forked(whenQuiet: false) { ForkTests.useBackground() }
                    guard status == 42 else { return status }
                }
                isOver.value = true
                guard helpers.allSatisfy({ $0.hasEnded() }) else { return 5 }
                Reporter.flush()
                return seen.value > 0 ? 42 : 6
            }
            exit(status)
        }
    }

    private static func keepBackgroundBusy(until isOver: () -> Bool) {
        repeat {
            for _ in 0..<100 {
                Reporter.report(.message("the parent's"))
                Drain.shared.schedule(after: .zero) {}.cancel()
                _ = Drain.shared.schedule(after: .microseconds(1)) {}
            }
            Reporter.flush()
        } while !isOver()
    }

    private static func useBackground() -> Int32 {
        let reports = Log<String>()
        Reporter.replace { reports.add("\($0)") }
        Reporter.report(.message("the child's"))
        guard blockUntil(within: .seconds(30), { reports.count > 0 }) else { return 3 }
        do { try Future<Void>.sleep(for: .milliseconds(1)).wait(timeout: .seconds(30)) } catch { return 4 }
        Reporter.flush()
        return reports.all == ["the child's"] ? 42 : 7
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
