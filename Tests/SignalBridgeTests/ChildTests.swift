// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Foundation
import Futures
import Greenlets
import Loops
import SignalBridge
import Synchronization
import Testing

extension SignalBridgeTests {
    @Suite("Child processes") struct ChildTests {
        @Test(
            "SG13: the exit status of a child is an awaitable in every style, also after the end",
            arguments: Telling.allCases
        )
        func status(_ telling: Telling) async throws {
            telling.begin()
            defer { telling.end() }
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

        @Test(
            "SG13: a child that a signal ends says which; one that has ended already is found",
            arguments: Telling.allCases
        )
        func killed(_ telling: Telling) async throws {
            telling.begin()
            defer { telling.end() }
            let process = try startShell("exec sleep 600")
            let child = try ChildProcess(id: process)
            kill(process, SIGTERM)
            #expect(try await child.value == .killed(by: .terminate, dumpedCore: false))
            let ended = try startShell("exit 5")
            var information = unsafe siginfo_t()
            #expect(unsafe waitid(P_PID, id_t(ended), &information, WEXITED | WNOWAIT) == 0)
            #expect(try ChildProcess(id: ended).future().outcome?.get() == .exited(5))
        }

        @Test("SG13: a child may end at any moment of its being taken over", arguments: Telling.allCases)
        func race(_ telling: Telling) async throws {
            telling.begin()
            defer { telling.end() }
            for round in 0..<60 {
                let process = try startShell("kill -9 $$")
                // By and by later, up to what a shell takes to end.
                for _ in 0..<round * 5 { sched_yield() }
                #expect(try await ChildProcess(id: process).value == .killed(by: .kill, dumpedCore: false))
            }
            #expect(processDescriptors == 0)
        }

        @Test("SG13: whoever takes over one child shares its end", arguments: Telling.allCases)
        func shared(_ telling: Telling) async throws {
            telling.begin()
            defer { telling.end() }
            let process = try startShell("exec sleep 600")
            let children = try (0..<5).map { _ in try ChildProcess(id: process) }
            #if os(Linux)
            #expect(processDescriptors == (telling == .descriptor ? 1 : 0))
            #endif
            kill(process, SIGKILL)
            for child in children { #expect(try await child.value == .killed(by: .kill, dumpedCore: false)) }
            #expect(processDescriptors == 0)
        }

        @Test(
            "SG14: many children that end at once, whose SIGCHLDs the kernel merges, are all reaped with their own status",
            arguments: Telling.allCases
        )
        func many(_ telling: Telling) async throws {
            telling.begin()
            defer { telling.end() }
            let hold = try await Hold(with: .user1)
            let children = try (0..<20).map { try ChildProcess(id: startShell("exit \($0)")) }
            hold.end()
            for (number, child) in children.enumerated() {
                #expect(try await child.value == .exited(Int32(number)))
                #expect(!exists(child.id))
            }
        }

        @Test("SG14: 500 children at once are reaped, and all that they took is given back")
        func hundreds() async {
            // Of a process of its own: it takes a descriptor for each.
            await #expect(processExitsWith: .exitCode(42)) {
                let signals = [Signal.terminate, .kill, .alarm, .user2]
                for telling in Telling.allCases {
                    telling.begin()
                    let children = try (0..<stressed(500)).map { _ in
                        try ChildProcess(id: startShell("exec sleep 600"))
                    }
                    #if os(Linux)
                    if telling == .descriptor, processDescriptors != children.count { exit(1) }
                    #endif
                    for (number, child) in children.enumerated() {
                        kill(child.id, signals[number % signals.count].rawValue)
                    }
                    for (number, child) in children.enumerated() {
                        let expected = ChildStatus.killed(by: signals[number % signals.count], dumpedCore: false)
                        guard try await child.value == expected, !exists(child.id) else { exit(2) }
                    }
                    if processDescriptors != 0 || Signal.child.handlerCount != 0 { exit(3) }
                    telling.end()
                }
                exit(42)
            }
        }

        @Test(
            "SG14: a child is reaped also if its waiter was cancelled, and others still get the status",
            arguments: Telling.allCases
        )
        func cancelledWaiter(_ telling: Telling) async throws {
            telling.begin()
            defer { telling.end() }
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

        @Test(
            "SG14: a child whose handle is dropped is reaped, and the children of others are left alone",
            arguments: Telling.allCases
        )
        func dropped(_ telling: Telling) async throws {
            telling.begin()
            defer { telling.end() }
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

        @Test(
            "SG15: what is no child, no single process, or was reaped elsewhere is refused by name",
            arguments: Telling.allCases
        )
        func refused(_ telling: Telling) async throws {
            telling.begin()
            defer { telling.end() }
            for number: Int32 in [0, -1, -getpid()] {
                let error = #expect(throws: ChildUnavailable.self) { try ChildProcess(id: number) }
                #expect(error?.reason == .notOneProcess)
            }
            let error = #expect(throws: ChildUnavailable.self) { try ChildProcess(id: getppid()) }
            #expect(error?.reason == .noChild && "\(error!)".contains("\(getppid())"))
            await #expect(throws: ChildUnavailable.self) { try await ChildProcess.exit(of: getppid()).value }
            #expect(disposition(of: .child).handler == 0 && processDescriptors == 0)
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
            #expect(await eventually { processDescriptors == 0 && Signal.child.handlerCount == 0 })
        }

        #if os(Linux)
        @Test("SG21: waiting for a child leaves SIGCHLD as it is")
        func untouched() async throws {
            let before = disposition(of: .child)
            let child = try ChildProcess(id: startShell("exec sleep 600"))
            #expect(disposition(of: .child) == before && Signal.child.handlerCount == 0)
            kill(child.id, SIGKILL)
            _ = try await child.value
            #expect(disposition(of: .child) == before)
        }
        #endif

        @Test(
            "SG22: the end of a child is told also if somebody else handles SIGCHLD, from before or from later on",
            arguments: Telling.allCases
        )
        func foreign(_ telling: Telling) async throws {
            telling.begin()
            defer { telling.end() }
            let collector = ReportCollector(containing: "SIGCHLD")
            defer { signal(SIGCHLD, SIG_DFL) }
            let early = try ChildProcess(id: startShell("exec sleep 600"))
            signal(SIGCHLD) { _ in }
            let theirs = disposition(of: .child)
            kill(early.id, SIGKILL)
            #expect(try await early.value == .killed(by: .kill, dumpedCore: false))
            let late = try ChildProcess(id: startShell("exec sleep 600"))
            kill(late.id, SIGTERM)
            #expect(try await late.value == .killed(by: .terminate, dumpedCore: false))
            #expect(disposition(of: .child) == theirs)
            // Who displaced a handler of ours is told so.
            let reports = await collector.settledReports().count
            #if os(Linux)
            #expect(reports == (telling == .descriptor ? 0 : 1))
            #else
            #expect(reports == 1)
            #endif
        }

        @Test("SG22: if SIGCHLD is ignored, the kernel reaps: the wait fails and does not hang")
        func ignored() async {
            // Of a process of its own: others' children would be lost, too.
            await #expect(processExitsWith: .exitCode(42)) {
                for telling in Telling.allCases {
                    telling.begin()
                    let child = try ChildProcess(id: startShell("exec sleep 600"))
                    signal(SIGCHLD, SIG_IGN)
                    kill(child.id, SIGKILL)
                    do {
                        _ = try await child.value
                        exit(1)
                    } catch let error as ChildUnavailable {
                        if error.reason != .reapedElsewhere || !"\(error)".contains("SIGCHLD") { exit(2) }
                    }
                    let ended = try startShell("exit 0")
                    guard await eventually({ !exists(ended) }) else { exit(3) }
                    do {
                        _ = try ChildProcess(id: ended)
                        exit(4)
                    } catch let error as ChildUnavailable {
                        if error.reason != .noChild || !"\(error)".contains("SIGCHLD") { exit(5) }
                    }
                    signal(SIGCHLD, SIG_DFL)
                    telling.end()
                }
                exit(42)
            }
        }

        #if os(Linux)
        @Test("SG22: without a descriptor left, children are taken over all the same")
        func noDescriptors() async {
            await #expect(processExitsWith: .exitCode(42)) {
                _ = try await ChildProcess(id: startShell("exit 0")).value
                let children = try (0..<3).map { _ in try startShell("exec sleep 600") }
                var limit = rlimit()
                unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                let before = limit.rlim_cur
                limit.rlim_cur = 3
                unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                let handles = try children.map { try ChildProcess(id: $0) }
                // What looks for leaks at the end opens files.
                limit.rlim_cur = before
                unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                if Signal.child.handlerCount != 1 { exit(1) }
                for process in children { kill(process, SIGKILL) }
                for handle in handles where try await handle.value != .killed(by: .kill, dumpedCore: false) { exit(2) }
                exit(Signal.child.handlerCount == 0 ? 42 : 3)
            }
        }
        #endif

        @Test("SG14: children are reaped also after somebody has stopped the registry's loop")
        func stoppedLoop() async {
            await #expect(processExitsWith: .exitCode(42)) {
                for telling in Telling.allCases {
                    telling.begin()
                    let children = try (0..<3).map { _ in try ChildProcess(id: startShell("exec sleep 600")) }
                    for round in 0..<2 {
                        let ends = Log<Bool>()
                        Signal.user1.subscribe(
                            { _ in (CurrentLoop.current as? IOLoop)?.stop() },
                            onEnd: { ends.add($0 is LoopClosed) }
                        )
                        try Signal.user1.raise()
                        guard await eventually({ ends.all == [true] }) else { exit(1) }
                        kill(children[round].id, SIGKILL)
                        guard try await children[round].value == .killed(by: .kill, dumpedCore: false) else { exit(2) }
                    }
                    kill(children[2].id, SIGTERM)
                    guard try await children[2].value == .killed(by: .terminate, dumpedCore: false) else { exit(3) }
                    if processDescriptors != 0 || Signal.child.handlerCount != 0 { exit(4) }
                    telling.end()
                }
                exit(42)
            }
        }
    }
}

/// What the ends of children are told by.
enum Telling: Sendable, CaseIterable {
    case descriptor
    case signal

    func begin() { ChildProcess._refusesDescriptors.store(self == .signal, ordering: .relaxed) }
    func end() { ChildProcess._refusesDescriptors.store(false, ordering: .relaxed) }
}

/// The size of a test that thread sanitizer shrinks.
private func stressed(_ size: Int) -> Int {
    let divisor = ProcessInfo.processInfo.environment["SWITCHYARD_STRESS_DIVISOR"].flatMap(Int.init) ?? 1
    return max(8, size / divisor)
}

/// How many descriptors of processes are open.
private var processDescriptors: Int {
    let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return open.count { number in
        let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)")
        return target?.contains("pidfd") == true
    }
}
