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
                    let status = statusOfForked {
                        if disposition(of: .user1).handler == 0 { raiseHere(.user1) }
                        return 1
                    }
                    guard let status, status & 0x7f == SIGUSR1 else { return 2 }
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
                    let status = forked { ForkTests.inChild(handler) }
                    raiseHere(.user1)
                    guard blockUntil({ log.count == 2 }) else { return 3 }
                    return log.sum == 2 ? status : 4
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

        @Test(
            "SG23: what is the parent's is spent in a forked child: a handler's place, and waiting for the parent's children"
        )
        func parents() async {
            await #expect(processExitsWith: .exitCode(42)) {
                let status = try await onThread { () -> Int32 in
                    let log = Log<SignalDelivery>()
                    let handlers = [try Signal.user1.handle { log.add($0) }, Signal.user2.subscribe { _ in }]
                    let ended = try ChildProcess(id: startShell("exit 3"))
                    _ = try ended.wait()
                    let running = try ChildProcess(id: startShell("exec sleep 600"))
                    guard ForkTests.settle(log) else { return 7 }
                    let status = forked { ForkTests.useParents(handlers, ended, running) }
                    // In the parent all is as it was.
                    if handlers.contains(where: { $0.cancel() != .stopped }) { return 3 }
                    kill(running.id, SIGKILL)
                    guard try running.wait() == .killed(by: .kill, dumpedCore: false) else { return 4 }
                    return status
                }
                exit(status)
            }
        }

        private static func useParents(
            _ handlers: [Subscription],
            _ ended: ChildProcess,
            _ running: ChildProcess
        ) -> Int32 {
            for round: Int32 in 0...1 {
                for handler in handlers {
                    handler.request(1)
                    guard handler.cancel() == .tooLate else { return 10 + round }
                }
                guard case .success(.exited(3)) = Result(catching: { try ended.wait() }) else { return 12 + round }
                let wait = Result { try running.wait(timeout: .seconds(60)) }
                guard case .failure(let error as SignalsForked) = wait else { return 14 + round }
                guard "\(error)".contains("\(running.id)"), "\(error)".contains("parent") else { return 16 + round }
                let told = Log<Bool>()
                running.callback { told.add($0.isFailure(of: SignalsForked.self)) }
                guard told.all == [true], running.future().failure is SignalsForked else { return 18 + round }
                // To take it over is no way out, either.
                let adoption = Result { try ChildProcess(id: running.id) }
                guard case .failure(let refusal) = adoption else { return 20 + round }
                guard round == 0 ? refusal is SignalsForked : refusal is ChildUnavailable else { return 22 + round }
                #if SWITCHYARD_PTHREAD_LOCK
                // Thread sanitizer bears no new thread in a forked child.
                return 42
                #else
                Signals.reinitializeAfterFork()
                #endif
            }
            // Its own children are the child's.
            do {
                let own = try ChildProcess(id: startShell("exit 5"))
                return try own.wait(timeout: .seconds(60)) == .exited(5) ? 42 : 24
            } catch { return 25 }
        }

        /// Lets the registry have its first delivery.
        private static func settle(_ log: Log<SignalDelivery>) -> Bool {
            raiseHere(.user1)
            return blockUntil { log.count == 1 }
        }
    }
}
#endif
