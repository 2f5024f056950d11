// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#if os(Linux)
import ConversionTesting
import Foundation
import Futures
import Glibc
import SignalBridge
import Testing

extension SignalBridgeTests {
    @Suite("Forked processes") struct ForkTests {
        @Test(
            "SG20: a signal raised in a forked child does what it did before the parent's handlers, and the parent is told nothing"
        )
        func childsOwn() async {
            await #expect(processExitsWith: .exitCode(42)) {
                let status = try await onThread { () -> Int32 in
                    let log = Log<SignalDelivery>()
                    let handler = try Signal.user1.handle { log.add($0) }
                    guard ForkTests.settle(log) else { return 7 }
                    let child = fork()
                    if child == 0 {
                        if disposition(of: .user1).handler != 0 { _exit(1) }
                        raiseHere(.user1)
                        _exit(1)
                    }
                    guard let status = ForkTests.end(of: child), status & 0x7f == SIGUSR1 else { return 2 }
                    // The parent's handler works, and has heard of nothing.
                    if log.count != 1 { return 3 }
                    raiseHere(.user1)
                    guard blockUntil({ log.count == 2 }) else { return 4 }
                    handler.cancel()
                    return log.sum == 2 ? 42 : 5
                }
                exit(status)
            }
        }

        @Test(
            "SG20: using signals in a forked child is refused by name; after re-initialising they work there, apart from the parent's"
        )
        func reinitialised() async {
            await #expect(processExitsWith: .exitCode(42)) {
                let status = try await onThread { () -> Int32 in
                    let log = Log<SignalDelivery>()
                    let handler = try Signal.user1.handle { log.add($0) }
                    guard ForkTests.settle(log) else { return 7 }
                    let child = fork()
                    if child == 0 { _exit(ForkTests.inChild(handler)) }
                    guard let status = ForkTests.end(of: child) else { return 2 }
                    raiseHere(.user1)
                    guard blockUntil({ log.count == 2 }) else { return 3 }
                    return log.sum == 2 ? status >> 8 : 4
                }
                exit(status)
            }
        }

        private static func inChild(_ parents: Subscription) -> Int32 {
            let refused = Result { try Signal.user1.handle { _ in } }
            guard case .failure(let error) = refused, error is SignalsForked else { return 10 }
            let next = Signal.user1.next().future()
            // Observed: a report would start a thread.
            next.callback { _ in }
            guard next.failure is SignalsForked else { return 11 }
            do {
                _ = try ChildProcess(id: 1)
                return 12
            } catch { guard error is SignalsForked else { return 13 } }
            Signals.reinitializeAfterFork()
            parents.cancel()
            #if SWITCHYARD_PTHREAD_LOCK
            // Thread sanitizer bears no new thread in a forked child.
            return 42
            #else
            do {
                let arrivals = Log<SignalDelivery>()
                let handler = try Signal.user1.handle { arrivals.add($0) }
                raiseHere(.user1, times: 3)
                guard blockUntil({ arrivals.sum == 3 }) else { return 14 }
                handler.cancel()
                return disposition(of: .user1).handler == 0 ? 42 : 15
            } catch { return 16 }
            #endif
        }

        /// Lets the registry's thread have its first delivery, and sleep: what it holds in a fork is held for ever in the child.
        private static func settle(_ log: Log<SignalDelivery>) -> Bool {
            raiseHere(.user1)
            return blockUntil { log.count == 1 }
        }

        /// The status of a child; nil if it did not end.
        private static func end(of child: Int32) -> Int32? {
            var status: Int32 = 0
            // A child of a process with several threads may find a lock taken for good: that must not end in a hang.
            if blockUntil(within: .seconds(120), { unsafe waitpid(child, &status, WNOHANG) != 0 }) { return status }
            kill(child, SIGKILL)
            return nil
        }
    }
}
#endif
