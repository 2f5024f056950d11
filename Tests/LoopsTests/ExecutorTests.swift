// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Loops
import Testing

@Suite("Loops as Swift executors")
struct ExecutorTests {
    @Test("actors live on a loop, tasks prefer it, and assumeIsolated works in callbacks")
    func identities() async throws {
        try await withLoop { loop in
            let actor = OnLoop(loop)
            #expect(await actor.isOnLoop())
            #expect(await Task(executorPreference: loop) { loop.isCurrent }.value)
            let child = await withTaskExecutorPreference(loop) {
                async let child = loop.isCurrent
                return await child
            }
            #expect(child)
            let isolated = try await loop.submit { actor.assumeIsolated { $0.loop.isCurrent } }.value
            #expect(isolated)
        }
    }

    @Test("a task that awaits elsewhere comes back to its loop")
    func comesBack() async throws {
        try await withLoop { loop in
            let actor = OnLoop(loop)
            let always = await Task(executorPreference: loop) {
                var always = true
                for number in 0..<500 {
                    _ = await actor.note(number)
                    await Task.yield()
                    always = always && loop.isCurrent
                }
                return always
            }.value
            #expect(always)
        }
    }

    @Test("code of a loop's actor that is run off the loop stops the process and names the loop")
    func checkIsolated() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let actor = OnLoop(try IOLoop.onOwnThread(name: "somebody else's"))
            try await onThread { actor.assumeIsolated { _ in } }
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("somebody else's"))
    }

    @Test("B7: tasks that always have more to do starve neither timers nor descriptors")
    func busyTasks() async throws {
        try await withLoop { loop in
            let pipe = TestPipe()
            let isOver = Cell(false)
            let busy = (0..<10).map { _ in
                Task(executorPreference: loop) {
                    while !isOver.value { await Task.yield() }
                }
            }
            try await Future<Void>.sleep(for: .milliseconds(2), on: loop).value
            pipe.send()
            try await loop.readable(pipe.readEnd).value
            isOver.value = true
            for task in busy { await task.value }
        }
    }

    @Test("C10, B3: an outcome that is delivered on a loop arrives on that loop's thread, whoever completes it")
    func deliveryHops() async throws {
        try await withLoop { loop in
            let promise = Promise<Int>()
            let place = Promise<Bool>()
            promise.future.callback(on: loop) { _ in place.succeed(loop.isCurrent) }
            try await onThread { promise.succeed(1) }
            #expect(try await place.future.value)
        }
    }

    @Test("a loop with jobs in its queue stays alive until they have run")
    func aliveWhileQueued() async throws {
        let ran = Promise<Bool>()
        try await onThread {
            var loop: IOLoop? = try IOLoop()
            weak let weakLoop = loop
            let task = Task(executorPreference: loop!) { ran.succeed(true) }
            loop = nil
            guard let queued = weakLoop else {
                Issue.record("the loop is gone, and the task hangs")
                return
            }
            try queued.run(until: ran.future)
            _ = task
        }
        #expect(try await ran.future.value)
    }
}
