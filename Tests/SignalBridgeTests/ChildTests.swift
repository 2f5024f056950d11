// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Foundation
import Futures
import Greenlets
import SignalBridge
import Testing

extension SignalBridgeTests {
    @Suite("Child processes") struct ChildTests {
        @Test("SG13: the exit status of a child is an awaitable in every style, also after the end")
        func status() async throws {
            let before = disposition(of: .child)
            let child = try ChildProcess(id: startShell("exit 3"))
            #expect(try await child.value == .exited(3))
            let onThread = try await onThread { try child.wait() }
            let inGreenlet = try await Greenlet.spawn { try child.wait() }.value
            #expect(onThread == .exited(3) && inGreenlet == .exited(3))
            #expect(!ChildStatus.exited(3).isSuccess && "\(ChildStatus.exited(3))" == "exited with 3")
            let called = Promise<ChildStatus>()
            let good = try ChildProcess.exit(of: startShell("exit 0"))
            good.callback { called.complete(with: $0) }
            #expect(try await called.future.value.isSuccess)
            #expect(await eventually { disposition(of: .child) == before })
        }

        @Test("SG13: a child that a signal ends says which; one that has ended already is found")
        func killed() async throws {
            let process = try startShell("exec sleep 600")
            let child = try ChildProcess(id: process)
            kill(process, SIGTERM)
            #expect(try await child.value == .killed(by: .terminate, dumpedCore: false))
            let ended = try startShell("exit 5")
            var information = unsafe siginfo_t()
            #expect(unsafe waitid(P_PID, id_t(ended), &information, WEXITED | WNOWAIT) == 0)
            #expect(try ChildProcess(id: ended).future().outcome?.get() == .exited(5))
        }

        @Test("SG14: many children at once, whose SIGCHLDs the kernel merges, are all reaped with their own status")
        func many() async throws {
            let hold = try await Hold(with: .user1)
            let children = try (0..<20).map { try ChildProcess(id: startShell("exit \($0)")) }
            hold.end()
            for (number, child) in children.enumerated() {
                #expect(try await child.value == .exited(Int32(number)))
                #expect(!exists(child.id))
            }
        }

        @Test("SG14: a child is reaped also if its waiter was cancelled, and others still get the status")
        func cancelledWaiter() async throws {
            let process = try startShell("exec sleep 600")
            let child = try ChildProcess(id: process)
            let waiter = Greenlet.spawn { try child.wait() }
            waiter.kill()
            await #expect(throws: CancellationError.self) { try await waiter.value }
            let task = Task { try await child.value }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(child.future().cancel() == .tooLate)
            #expect(exists(process))
            kill(process, SIGKILL)
            #expect(try await child.value == .killed(by: .kill, dumpedCore: false))
            #expect(!exists(process))
        }

        @Test("SG14: a child whose handle is dropped is reaped, and the children of others are left alone")
        func dropped() async throws {
            let others = try startShell("exit 9")
            var information = unsafe siginfo_t()
            #expect(unsafe waitid(P_PID, id_t(others), &information, WEXITED | WNOWAIT) == 0)
            let process = try startShell("exec sleep 600")
            _ = try ChildProcess(id: process)
            kill(process, SIGKILL)
            #expect(await eventually { !exists(process) })
            var status: Int32 = 0
            #expect(unsafe waitpid(others, &status, WNOHANG) == others && status == 9 << 8)
        }

        @Test("SG15: what is no child, no single process, or was reaped elsewhere is refused by name")
        func refused() async throws {
            for number: Int32 in [0, -1, -getpid()] {
                let error = #expect(throws: ChildUnavailable.self) { try ChildProcess(id: number) }
                #expect(error?.reason == .notOneProcess)
            }
            let error = #expect(throws: ChildUnavailable.self) { try ChildProcess(id: getppid()) }
            #expect(error?.reason == .noChild && "\(error!)".contains("\(getppid())"))
            await #expect(throws: ChildUnavailable.self) { try await ChildProcess.exit(of: getppid()).value }
            #expect(disposition(of: .child).handler == 0)
            // The thief comes first, as the registry's thread is held.
            let hold = try await Hold(with: .user1)
            let process = try startShell("exec sleep 600")
            let child = try ChildProcess(id: process)
            kill(process, SIGKILL)
            var status: Int32 = 0
            #expect(unsafe waitpid(process, &status, 0) == process)
            hold.end()
            let stolen = await #expect(throws: ChildUnavailable.self) { try await child.value }
            #expect(stolen?.reason == .reapedElsewhere)
        }
    }
}
