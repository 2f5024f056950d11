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

@Suite("Greenlets in forked processes")
struct LoopForkTests {
    @Test(
        "V31: a greenlet forks, and goes on in the child with the others, their timers and new ones; so it does in the parent",
        .enabled(if: hasStacks, needsStacks)
    )
    func goesOn() async {
        await #expect(processExitsWith: .exitCode(42)) {
            let status = try await onThread { () -> Int32 in
                let loop = try IOLoop(name: "of both")
                let (sides, promise) = (Sides(loop), Promise<Int>())
                let callback = Counter()
                let waiter = Greenlet.spawn(on: loop) { try promise.future.wait() }
                let forking = Greenlet.spawn(on: loop) { () throws -> Int32 in
                    try sides.park()
                    loop.post { callback.add() }
                    let status = forked {
                        do {
                            try loop.reinitializeAfterFork(keeping: .greenlets)
                            guard try Greenlet.spawn({ 5 }).wait() == 5 else { return 2 }
                            promise.succeed(7)
                            guard try waiter.wait() == 7 else { return 3 }
                            guard try sides.sleeper.wait() == 1, sides.isUnwound == false else { return 4 }
                            guard text(of: { _ = try sides.limited.wait() }).contains("TimedOut") else { return 5 }
                            try Future<Void>.sleep(for: .milliseconds(1), on: loop).wait()
                            sides.waiter.kill()
                            try sides.waiter.join()
                            return callback.value == 1 && sides.isUnwound ? 42 : 6
                        } catch { return 7 }
                    }
                    promise.succeed(8)
                    guard try waiter.wait() == 8, try sides.sleeper.wait() == 1, !sides.isUnwound else { return 8 }
                    return callback.value == 1 ? status : 9
                }
                return try loop.run(until: forking)
            }
            exit(status)
        }
    }

    @Test(
        "V31: on a loop with a thread of its own that thread goes on in the child, and no second one is started",
        .enabled(if: hasStacks, needsStacks)
    )
    func ownThread() async {
        await #expect(processExitsWith: .exitCode(42)) {
            let loop = try IOLoop.onOwnThread(name: "with a thread")
            let sides = Sides(loop)
            let forking = Greenlet.spawn(on: loop) { () throws -> Int32 in
                try sides.park()
                return forked {
                    do {
                        try loop.reinitializeAfterFork(keeping: .greenlets)
                        guard try sides.sleeper.wait() == 1, try Greenlet.spawn({ 1 }).wait() == 1 else { return 2 }
                        guard threadCount() == 1 else { return 3 }
                        let other = try IOLoop.onOwnThread(name: "a second one")
                        return try Greenlet.spawn(on: other) { 42 }.wait()
                    } catch { return 4 }
                }
            }
            exit(try await forking.value)
        }
    }

    @Test(
        "V31: keeping nothing, the other greenlets end with LoopForked at their wait points, and timers and posts are the parent's",
        .enabled(if: hasStacks, needsStacks)
    )
    func keepsNothing() async {
        await #expect(processExitsWith: .exitCode(42)) {
            let status = try await onThread { () -> Int32 in
                let loop = try IOLoop(name: "left to the parent")
                let (sides, called) = (Sides(loop, sleep: .seconds(1_000)), Counter())
                let forking = Greenlet.spawn(on: loop) { () throws -> Int32 in
                    try sides.park()
                    _ = loop.schedule(after: .zero) { called.add() }
                    loop.post { called.add() }
                    let unborn = Greenlet.spawn { 1 }
                    let status = forked {
                        do {
                            try loop.reinitializeAfterFork()
                            guard isForked(unborn), isForked(sides.sleeper), isForked(sides.waiter),
                                isForked(sides.limited)
                            else { return 2 }
                            guard sides.isUnwound, called.value == 0 else { return 3 }
                            try Greenlet.sleep(for: .milliseconds(1))
                            guard called.value == 0 else { return 4 }
                            return try Greenlet.spawn({ 42 }).wait()
                        } catch { return 5 }
                    }
                    guard try unborn.wait() == 1, !sides.isUnwound else { return 6 }
                    try Greenlet.sleep(for: .milliseconds(1))
                    return called.value == 2 ? status : 7
                }
                return try loop.run(until: forking)
            }
            exit(status)
        }
    }

    @Test(
        "V31, K8: without re-initialising, a wait of a greenlet in the child throws LoopForked, and the run ends by name",
        .enabled(if: hasStacks, needsStacks)
    )
    func notReinitialized() async {
        let result = await #expect(processExitsWith: .exitCode(42), observing: [\.standardErrorContent]) {
            let status = try await onThread { () -> Int32 in
                let loop = try IOLoop(name: "the parent's alone")
                let sides = Sides(loop, sleep: .seconds(1_000))
                let pipe = Pipe()
                let ready = loop.readable(pipe.readEnd).future()
                let isChild = Counter()
                let forking = Greenlet.spawn(on: loop) { () throws -> Int32 in
                    try sides.park()
                    let status = forkedInTwo {
                        isChild.add()
                        let refused = text(of: { try Greenlet.sleep(for: .seconds(1_000)) })
                        return refused.contains("LoopForked") && refused.contains("the parent's alone") ? 0 : 2
                    }
                    return status
                }
                do {
                    let status = try loop.run(until: forking)
                    if isChild.value > 0 { throw CancellationError() }
                    pipe.send()
                    try loop.run(until: ready, timeout: .seconds(60))
                    return status
                } catch {
                    guard isChild.value == 1, try forking.outcome?.get() == 0 else { _exit(3) }
                    guard isForked(sides.sleeper), isForked(sides.waiter), sides.isUnwound else { _exit(4) }
                    guard isForked(Greenlet.spawn(on: loop) { 1 }) else { _exit(6) }
                    guard (try? loop.run()) == nil else { _exit(5) }
                    _exit(42)
                }
            }
            exit(status)
        }
        let output = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(output.contains("a turn on loop"))
    }

    @Test(
        "V31: who learns of the fork by LoopForked may re-initialise then, and go on",
        .enabled(if: hasStacks, needsStacks)
    )
    func reinitializedLate() async {
        await #expect(processExitsWith: .exitCode(42)) {
            let status = try await onThread { () -> Int32 in
                let loop = try IOLoop(name: "late")
                let forking = Greenlet.spawn(on: loop) { () throws -> Int32 in
                    forked {
                        do { try Greenlet.sleep(for: .seconds(1_000)) } catch {
                            do {
                                try loop.reinitializeAfterFork()
                                try Greenlet.sleep(for: .milliseconds(1))
                                return try Greenlet.spawn({ 42 }).wait()
                            } catch { return 2 }
                        }
                        return 3
                    }
                }
                return try loop.run(until: forking)
            }
            exit(status)
        }
    }

    @Test("V31: a fork outside of the loop leaves its greenlets to either policy")
    func outside() async {
        await #expect(processExitsWith: .exitCode(42)) {
            let status = try await onThread { () -> Int32 in
                for policy in [ForkPolicy.greenlets, .nothing] {
                    let loop = try IOLoop(name: "idle")
                    let mustWake = hasStacks && policy == .greenlets
                    let sides = Sides(loop, sleep: mustWake ? .milliseconds(200) : .seconds(1_000))
                    try loop.run(until: Greenlet.spawn(on: loop) { try sides.park() })
                    let status = forked {
                        do {
                            try loop.reinitializeAfterFork(keeping: policy)
                            let fresh = Greenlet.spawn(on: loop) { 1 }
                            guard try loop.run(until: fresh) == 1 else { return 2 }
                            guard mustWake else {
                                do { _ = try loop.run(until: sides.sleeper) } catch is LoopForked {}
                                return isForked(sides.sleeper) && isForked(sides.waiter) ? 42 : 3
                            }
                            guard try loop.run(until: sides.sleeper) == 1, !sides.waiter.isDead else { return 4 }
                            sides.waiter.kill()
                            _ = try? loop.run(until: sides.waiter)
                            return sides.isUnwound ? 42 : 5
                        } catch { return 6 }
                    }
                    if status != 42 { return status }
                }
                return 42
            }
            exit(status)
        }
    }

    @Test(
        "V31: greenlets of a thread that the child does not have end with LoopForked, and one report says whose stacks leak"
    )
    func otherThread() async {
        await #expect(processExitsWith: .exitCode(42)) {
            let status = try await onThread { () -> Int32 in
                for policy in [ForkPolicy.greenlets, .nothing] {
                    let loop = try IOLoop.onOwnThread(name: "elsewhere")
                    let sides = Sides(loop, sleep: .seconds(1_000))
                    try Greenlet.spawn(on: loop) { try sides.park() }.wait()
                    let status = forked {
                        let reports = Log<String>()
                        Reporter.replace { reports.add("\($0)") }
                        do {
                            try loop.reinitializeAfterFork(keeping: policy)
                            guard isForked(sides.sleeper), isForked(sides.waiter), !sides.isUnwound else { return 2 }
                            guard try Greenlet.spawn(on: loop, { 5 }).wait() == 5 else { return 3 }
                            Reporter.flush()
                            let texts = reports.entries.filter { $0.contains("stacks are kept") }
                            return texts.count == 1 && texts[0].contains("the sleeper") ? 42 : 4
                        } catch { return 5 }
                    }
                    if status != 42 { return status }
                    guard !sides.sleeper.isDead, !sides.waiter.isDead else { return 6 }
                }
                return 42
            }
            exit(status)
        }
    }

    @Test(
        "V31: with the thread-backed engine a child that was forked in a greenlet cannot take its loop over, and is told so",
        .enabled(if: !hasStacks, "greenlets have stacks here")
    )
    func threads() async {
        await #expect(processExitsWith: .exitCode(42)) {
            let status = try await onThread { () -> Int32 in
                let loop = try IOLoop(name: "of threads")
                let forking = Greenlet.spawn(on: loop) { () throws -> Int32 in
                    forked {
                        text(of: { try loop.reinitializeAfterFork(keeping: .greenlets) }).contains("SWITCHYARD_ENGINE")
                            ? 42 : 2
                    }
                }
                return try loop.run(until: forking)
            }
            exit(status)
        }
    }
}

/// Runs the body in a child that goes on behind this call, and in the parent waits for the child's end.
private func forkedInTwo(_ body: () -> Int32) -> Int32 {
    let child = fork()
    if child == 0 { return body() }
    var status: Int32 = 0
    guard blockUntil(within: .seconds(120), { unsafe waitpid(child, &status, WNOHANG) != 0 }) else {
        kill(child, SIGKILL)
        return 1
    }
    return status & 0x7f == 0 ? status >> 8 : 1
}
#endif
