// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

// ThreadSanitizer bears no new thread in a forked child, and most of these end with a report there.
#if os(Linux) && !SWITCHYARD_PTHREAD_LOCK
import ConversionTesting
import Futures
import Glibc
import Greenlets
import Loops
import Testing

@Suite("What greenlets in a forked child wait for", .enabled(if: hasStacks, needsStacks))
struct LoopForkWaitTests {
    @Test("V31: a wait for a descriptor ends with LoopForked in the child, whatever is kept, and goes on in the parent")
    func descriptor() async {
        await #expect(processExitsWith: .exitCode(42)) {
            let status = try await onThread { () -> Int32 in
                for policy in [ForkPolicy.greenlets, .nothing] {
                    let loop = try IOLoop(name: "of a descriptor")
                    let pipe = Pipe()
                    let (began, ends) = (Counter(), Log<String>())
                    let reader = Greenlet.spawn(on: loop) { () throws -> Int in
                        let call = loop.readable(pipe.readEnd).future()
                        began.add()
                        try call.wait()
                        return 1
                    }
                    let watch = try loop.watch(pipe.writeEnd, .read, handler: {}, onEnd: { ends.add("\($0)") })
                    let forking = Greenlet.spawn(on: loop) { () throws -> Int32 in
                        while began.value == 0 { try Greenlet.yield() }
                        let status = forked {
                            do {
                                try loop.reinitializeAfterFork(keeping: policy)
                                guard isForked(reader) else { return 2 }
                                try Greenlet.sleep(for: .milliseconds(1))
                                guard ends.entries.count == 1, ends.entries[0].contains("LoopForked") else { return 3 }
                                pipe.send()
                                try loop.readable(pipe.readEnd).wait()
                                return 42
                            } catch { return 4 }
                        }
                        return try reader.wait() == 1 && ends.entries.isEmpty ? status : 5
                    }
                    let status = try loop.run(until: forking)
                    watch.remove()
                    if status != 42 { return status }
                }
                return 42
            }
            exit(status)
        }
    }

    @Test("V31: a wait for a job that a worker pool had before the fork is refused in the child, by the pool's name")
    func poolJob() async {
        await #expect(processExitsWith: .exitCode(42)) {
            let status = try await onThread { () -> Int32 in
                let loop = try IOLoop(name: "of a pool")
                let pool = WorkerPool(name: "the parent's pool", size: 1)
                let (leave, began) = (Promise<Int>(), Counter())
                let offloading = Greenlet.spawn(on: loop) {
                    try Greenlet.offload(to: pool) {
                        began.add()
                        return try leave.future.wait()
                    }
                }
                let forking = Greenlet.spawn(on: loop) { () throws -> Int32 in
                    while began.value == 0 { try Greenlet.sleep(for: .milliseconds(1)) }
                    let status = forked {
                        do {
                            try loop.reinitializeAfterFork(keeping: .greenlets)
                            let refused = text(of: { _ = try offloading.wait() })
                            guard refused.contains("the parent's pool"), refused.contains("forked") else { return 2 }
                            return try Greenlet.offload(to: pool) { 42 }
                        } catch { return 3 }
                    }
                    leave.succeed(1)
                    return try offloading.wait() == 1 ? status : 4
                }
                return try loop.run(until: forking)
            }
            exit(status)
        }
    }

    @Test("V31: the portals of tasks are given up in the child by name, with one report; greenlets beside them go on")
    func portals() async {
        await #expect(processExitsWith: .exitCode(42)) {
            for policy in [ForkPolicy.greenlets, .nothing] {
                let loop = try IOLoop.onOwnThread(name: "of portals")
                let (handles, unwound, release) = (Log<AnyGreenlet>(), Counter(), Promise<Int>())
                let tasks = (0..<3).map { number in
                    Task {
                        try await Greenlet.run(on: loop, name: "portal \(number)") {
                            let sentinel = Sentinel(unwound)
                            defer { sentinel.use() }
                            handles.add(Greenlet.current!)
                            return try release.future.wait()
                        }
                    }
                }
                guard await eventually({ release.future._observers == 3 }) else { exit(7) }
                let status = try await Greenlet.spawn(on: loop) { () throws -> Int32 in
                    forked {
                        let reports = Log<String>()
                        Reporter.replace { reports.add("\($0)") }
                        do {
                            try loop.reinitializeAfterFork(keeping: policy)
                            for portal in handles.entries { try portal.join() }
                            guard try Greenlet.spawn({ 1 }).wait() == 1 else { return 2 }
                            Reporter.flush()
                            let texts = reports.entries.filter { $0.contains("portal 0") }
                            return texts.count == 1 && texts[0].contains("portal 2") && unwound.value == 0 ? 42 : 3
                        } catch { return 4 }
                    }
                }.value
                release.succeed(1)
                for task in tasks where try await task.value != 1 { exit(5) }
                if status != 42 || unwound.value != 3 { exit(status == 42 ? 6 : status) }
            }
            exit(42)
        }
    }

    @Test("V31: a portal that forks runs on in the child, and every wait there is LoopForked")
    func forkingPortal() async {
        await #expect(processExitsWith: .exitCode(42)) {
            let status = try await Greenlet.run { () throws -> Int32 in
                try Greenlet.yield()
                return forked {
                    do {
                        try IOLoop.shared.reinitializeAfterFork(keeping: .greenlets)
                        let spawned = Greenlet.spawn { 1 }
                        try Greenlet.yield()
                        let waits: [() throws -> Void] = [
                            { _ = try spawned.wait() }, { try Greenlet.sleep(for: .milliseconds(1)) },
                            { try Greenlet.await { await Task.yield() } },
                        ]
                        return waits.allSatisfy { text(of: $0).contains("LoopForked") } ? 42 : 2
                    } catch { return 3 }
                }
            }
            exit(status)
        }
    }

    @Test(
        "V31: a callback forks in the middle of its batch and of its timers: the rest is the child's, too, or the parent's alone"
    )
    func callbacks() async {
        await #expect(processExitsWith: .exitCode(42)) {
            let status = try await onThread { () -> Int32 in
                for isTimer in [false, true] {
                    for policy in [ForkPolicy.greenlets, .nothing] {
                        let loop = try IOLoop(name: "of callbacks")
                        let (before, after, isChild) = (Counter(), Counter(), Counter())
                        let end = Promise<Void>()
                        let status = Log<Int32>()
                        let steps: [@Sendable () -> Void] = [
                            { before.add() },
                            {
                                let child = fork()
                                if child == 0 {
                                    isChild.add()
                                    _ = try? loop.reinitializeAfterFork(keeping: policy)
                                    _ = loop.schedule(after: .milliseconds(1)) { end.succeed(()) }
                                } else {
                                    var code: Int32 = 1
                                    _ = blockUntil(within: .seconds(120)) { unsafe waitpid(child, &code, WNOHANG) != 0 }
                                    status.add(code & 0x7f == 0 ? code >> 8 : 1)
                                    _ = loop.schedule(after: .milliseconds(1)) { end.succeed(()) }
                                }
                            },
                            { after.add() },
                        ]
                        let now = loop.now
                        for step in steps { if isTimer { _ = loop.schedule(at: now, step) } else { loop.post(step) } }
                        try loop.run(until: end.future)
                        let isKept = isChild.value == 0 || policy == .greenlets
                        let code: Int32 = before.value == 1 && after.value == (isKept ? 1 : 0) ? 42 : 2
                        if isChild.value > 0 { _exit(code) }
                        if code != 42 || status.entries != [42] { return status.entries.first ?? 3 }
                    }
                }
                return 42
            }
            exit(status)
        }
    }
}
#endif
