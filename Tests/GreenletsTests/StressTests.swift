// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CStackSwitch
import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

@Suite("Many greenlets, many threads")
struct StressTests {
    @Test("H11, H14: completions from many threads wake parked greenlets, none is lost")
    func crossThread() async throws {
        try await onLoop { (loop) async throws in
            let count = stress(4_000)
            let promises = (0..<count).map { _ in Promise<Int>() }
            let greenlets = promises.map { promise in Greenlet.spawn(on: loop) { try promise.future.wait() } }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for thread in 0..<8 {
                    group.addTask {
                        try await onThread {
                            for index in stride(from: thread, to: count, by: 8) { promises[index].succeed(index) }
                        }
                    }
                }
                try await group.waitForAll()
            }
            var sum = 0
            for greenlet in greenlets { sum += try await greenlet.value }
            #expect(sum == count * (count - 1) / 2)
        }
    }

    @Test("H10: 10,000 greenlets park and are completed")
    func tenThousand() async throws {
        // With the thread-backed engine each would be a thread.
        let count = stress(hasStacks ? 10_000 : 500)
        let before = sy_stack_get_statistics().live
        try await onLoop { (loop) async throws in
            let gate = Promise<Int>()
            let parked = Counter()
            let greenlets = (0..<count).map { number in
                Greenlet.spawn(on: loop) { () -> Int in
                    parked.add()
                    return try gate.future.wait() + number
                }
            }
            #expect(await eventually { parked.value == count })
            gate.succeed(1)
            var sum = 0
            for greenlet in greenlets { sum += try await greenlet.value }
            #expect(sum == count + count * (count - 1) / 2)
        }
        if hasStacks { #expect(await eventually { sy_stack_get_statistics().live <= before + 64 }) }
    }

    @Test("H13: kills, timeouts and completions race on one wait, and each greenlet ends once")
    func races() async throws {
        try await onLoop { (loop) async throws in
            let count = stress(2_000)
            let starts = Counter()
            let ends = Counter()
            let greenlets = (0..<count).map { number in
                let promise = Promise<Int>()
                let greenlet = Greenlet.spawn(on: loop) {
                    starts.add()
                    defer { ends.add() }
                    _ = try? promise.future.wait(timeout: .microseconds(50))
                    _ = try promise.future.wait()
                }
                // Kills may all come before the start; one greenlet has none coming.
                if number > 0 { Task.detached { greenlet.kill() } }
                Task.detached { promise.succeed(1) }
                return greenlet
            }
            for greenlet in greenlets { _ = try? await greenlet.value }
            try await Hub.whenIdle(of: loop).value
            #expect(allDead(greenlets))
            // Those killed before their start have no end of their own.
            #expect(starts.value > 0 && ends.value == starts.value)
        }
    }

    @Test(
        "V13, H13: a kill that meets the outcome of a call loses nothing: the caller has the value, or it is disposed of"
    )
    func killMeetsValue() async throws {
        try await onLoop { (loop) async throws in
            let count = stress(4_000)
            let received = Counter()
            let disposed = Counter()
            let refused = Counter()
            for _ in 0..<count / 4 {
                let runs = Log<Promise<Int>>()
                let greenlets = (0..<4).map { _ in
                    Greenlet.spawn(on: loop) {
                        let call = Call<Int> { promise in
                            promise.onDispose { _ in disposed.add() }
                            runs.add(promise)
                        }
                        if try call.wait() == 1 { received.add() }
                        try forever.future.wait()
                    }
                }
                #expect(await eventually { runs.entries.count == 4 })
                async let completing: Void = onThread {
                    for run in runs.entries where !run.tryComplete(.success(1)) { refused.add() }
                }
                try await onThread { for greenlet in greenlets { greenlet.kill() } }
                try await completing
                for greenlet in greenlets { await #expect(throws: CancellationError.self) { try await greenlet.value } }
            }
            #expect(received.value + disposed.value == count / 4 * 4)
            #expect(disposed.value == refused.value)
        }
    }

    @Test("H10: a stack is as large as asked for, a portal's too", .enabled(if: hasStacks, needsStacks))
    func stackSize() async throws {
        @Sendable func descend(_ depth: Int) -> Int {
            unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1024) { buffer in
                unsafe buffer.initialize(repeating: UInt8(truncatingIfNeeded: depth))
                return depth == 0 ? 0 : unsafe descend(depth - 1) + Int(buffer[0] & 1)
            }
        }
        try await onVirtualLoop { (loop) throws in
            // 4 MiB would run off the default stack, also a sanitizer's.
            let greenlet = Greenlet.spawn(on: loop, stackSize: 32 << 20) { descend(4_000) }
            #expect(try loop.run(until: greenlet) == 2_000)
        }
        #expect(try await Greenlet.run(stackSize: 32 << 20) { descend(4_000) } == 2_000)
    }

    @Test(
        "H10: running off the stack stops the process with the greenlet's name",
        .enabled(
            if: hasStacks && sy_stack_default_size() <= 256 * 1024,
            "a sanitizer's handler, or the system's, is first"
        )
    )
    func overflow() async throws {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            // Whatever kind of stacks the run was started with: those without a guard find it out later.
            Environment.set("SWITCHYARD_STACKS", "mappings")
            try await onThread {
                let loop = VirtualLoop()
                Greenlet.spawn(on: loop, name: "bottomless") {
                    func fall(_ depth: Int) -> Int {
                        unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1024) { buffer in
                            unsafe buffer.initialize(repeating: 1)
                            return unsafe fall(depth + 1) + Int(buffer[depth & 1023])
                        }
                    }
                    print(fall(0))
                }
                try loop.runUntilIdle()
            }
        }
        let output = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(output.contains("bottomless"))
    }
}
