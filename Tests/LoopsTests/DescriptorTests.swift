// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Loops
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

@Suite("Descriptors")
struct DescriptorTests {
    @Test("T13: a descriptor's readiness completes a call, and nothing is watched before a verb is used")
    func readable() async throws {
        try await withLoop { loop in
            let pipe = TestPipe()
            let prepared = loop.readable(pipe.readEnd)
            #expect(loop.watcherCount == 0)
            let future = prepared.future()
            #expect(!future.isCompleted)
            pipe.send(9)
            try await future.value
            #expect(pipe.receive() == 9)
            #expect(loop.watcherCount == 0)
            try await loop.writable(pipe.writeEnd).value
        }
    }

    @Test("T13: only the asked-for event is delivered")
    func onlyAskedFor() async throws {
        try await withLoop { loop in
            let pipe = TestPipe()
            pipe.fill()
            let writable = loop.writable(pipe.writeEnd).future()
            try await loop.readable(pipe.readEnd).value
            #expect(!writable.isCompleted)
            pipe.drain()
            try await writable.value
        }
    }

    @Test("T13: a persistent watcher is called while the descriptor is ready, until it removes itself")
    func watchRemovesItself() async throws {
        try await onThread {
            let loop = try IOLoop()
            defer { loop.stop() }
            let pipe = TestPipe()
            let watch = Cell<DescriptorWatch?>(nil)
            let calls = Counter()
            for _ in 0..<5 { pipe.send() }
            let done = Promise<Void>()
            watch.value = try loop.watch(pipe.readEnd, .read) {
                _ = pipe.receive()
                if calls.add() == 3 {
                    #expect(watch.value!.remove().isCompleted)
                    loop.post { loop.post { done.succeed(()) } }
                }
            }
            try loop.run(until: done.future)
            #expect(calls.value == 3)
        }
    }

    @Test("T13: a watcher removed by another one's handler in the same turn is not called")
    func removedInSameTurn() async throws {
        try await onThread {
            let loop = try IOLoop()
            defer { loop.stop() }
            let pipes = [TestPipe(), TestPipe()]
            for pipe in pipes { pipe.send() }
            let order = OrderRecorder()
            let done = Promise<Void>()
            // The first to be called removes the other, which is ready in the same turn.
            for index in [0, 1] {
                _ = try loop.watch(pipes[index].readEnd, .read) {
                    order.record("\(index)")
                    _ = pipes[index].receive()
                    loop.unwatch(pipes[1 - index].readEnd, .read)
                    loop.post { loop.post { done.tryComplete(.success(())) } }
                }
            }
            try loop.run(until: done.future)
            #expect(order.entries == ["0"])
        }
    }

    @Test("T13: a second watcher of one descriptor and direction is refused by name; removing twice is harmless")
    func secondWatcher() async throws {
        try await withLoop { loop in
            let pipe = TestPipe()
            let watch = try loop.watch(pipe.readEnd, .read) {}
            let error = #expect(throws: DescriptorError.self) { try loop.watch(pipe.readEnd, .read) {} }
            #expect(error?.reason == .inUse)
            await #expect(throws: DescriptorError.self) { try await loop.readable(pipe.readEnd).value }
            // The other direction is free.
            let other = loop.writable(pipe.readEnd).future()
            other.cancel()
            try await watch.remove().value
            try await watch.remove().value
            try await loop.unwatch(pipe.readEnd, .read).value
            try await loop.unwatch(999, .write).value
            try await loop.watch(pipe.readEnd, .read) {}.remove().value
        }
    }

    @Test("T13: descriptors that are not open or cannot be polled are named errors, at once and on every thread")
    func badDescriptors() async throws {
        try await withLoop { loop in
            let pipe = TestPipe()
            let closed = dup(pipe.readEnd)
            close(closed)
            let notOpen = #expect(throws: DescriptorError.self) { try loop.watch(closed, .read) {} }
            #expect(notOpen?.reason == .notOpen)
            #expect("\(notOpen!)".contains("EBADF"))
            let file = unsafe open("/proc/self/exe", O_RDONLY)
            defer { close(file) }
            if file >= 0 {
                let notPollable = #expect(throws: DescriptorError.self) { try loop.watch(file, .read) {} }
                #expect(notPollable?.reason == .notPollable)
            }
            #if os(Linux)
            let device = unsafe open("/dev/null", O_RDONLY)
            defer { close(device) }
            let alwaysReady = #expect(throws: DescriptorError.self) { try loop.watch(device, .read) {} }
            #expect(alwaysReady?.reason == .notPollable)
            #endif
            let inside = try await loop.submit { loop.readable(-1).future() }.value
            await #expect(throws: DescriptorError.self) { try await inside.value }
            #expect(loop.watcherCount == 0)
        }
    }

    #if os(Linux)
    @Test(
        "T13: what the system refuses only when it is asked is thrown on the loop, and is the watcher's end elsewhere"
    )
    func refusedLate() async throws {
        let reports = ReportCollector(containing: "refused-late-7")
        try await withLoop("refused-late-7") { loop in
            // O_PATH, which Swift does not see: it names an open pipe, but is good for no input and output.
            let pipe = TestPipe()
            let nameOnly = unsafe open("/proc/self/fd/\(pipe.readEnd)", 0x20_0000)
            defer { close(nameOnly) }
            let ended = Promise<DescriptorError.Reason>()
            let onEnd: @Sendable (any Error) -> Void = { error in
                if let error = error as? DescriptorError { ended.succeed(error.reason) } else { ended.fail(error) }
            }
            _ = try loop.watch(nameOnly, .read) {
            } onEnd: {
                onEnd($0)
            }
            #expect(try await ended.future.value == .notOpen)
            #expect(await reports.settledReports().isEmpty)
            _ = try loop.watch(nameOnly, .read) {}
            let inside = try await loop.submit {
                Result {
                    try loop.watch(nameOnly, .read) {
                    } onEnd: { _ in
                        Issue.record("told and thrown")
                    }
                }
            }.value
            #expect(throws: DescriptorError.self) { try inside.get() }
            #expect(await reports.settledReports().count == 1)
            #expect(loop.watcherCount == 0)
        }
    }
    #endif

    @Test("B5: a watcher is told the end of its loop, and not that of its own removal")
    func toldTheEnd() async throws {
        let pipe = TestPipe()
        let told = OrderRecorder()
        let loop = try IOLoop.onOwnThread(name: "told")
        _ = try loop.watch(pipe.readEnd, .read) {
        } onEnd: {
            told.record("\(type(of: $0)) \(loop.isCurrent)")
        }
        let removed = try loop.watch(pipe.writeEnd, .read) {
        } onEnd: { _ in
            told.record("removed")
        }
        try await removed.remove().value
        loop.stop()
        try await loop.stopped.value
        #expect(told.entries == ["LoopClosed true"])
    }

    @Test("T16: an error in a handler is reported, and the loop and the watcher go on")
    func handlerThrows() async throws {
        let reports = ReportCollector(containing: "handler-throws-7")
        try await withLoop("handler-throws-7") { loop in
            let pipe = TestPipe()
            let calls = Counter()
            let watch = try loop.watch(pipe.readEnd, .read) {
                _ = pipe.receive()
                if calls.add() == 1 { throw Oops("first") }
            }
            pipe.send()
            #expect(await eventually { calls.value == 1 })
            pipe.send()
            #expect(await eventually { calls.value == 2 })
            try await watch.remove().value
        }
        #expect(await reports.settledReports().count == 1)
    }

    @Test("E11: cancelling frees the place at once, and a reused descriptor number is not taken for the old one")
    func reusedNumber() async throws {
        try await withLoop { loop in
            for _ in 0..<20 {
                let (first, second) = (TestPipe(), TestPipe())
                let number = dup(first.readEnd)
                let old = loop.readable(number).future()
                #expect(old.cancel() == .stopped)
                #expect(old.isCancelled)
                try await loop.unwatch(number, .read).value
                // The number is another file's now. The old file stays open, and epoll would still report it.
                #expect(dup2(second.readEnd, number) == number)
                let new = loop.readable(number).future()
                first.send()
                // A sleep of the loop is a poll.
                try await Future<Void>.sleep(for: .milliseconds(1), on: loop).value
                #expect(!new.isCompleted)
                second.send()
                try await new.value
                close(number)
                // Nothing to read may stay: a child that another test starts inherits the pipes, and what it holds open
                // epoll goes on reporting under the number, which the next round uses again.
                _ = first.receive()
                _ = second.receive()
            }
            #expect(loop.watcherCount == 0)
        }
    }

    @Test("E11: who cancels elsewhere can learn when the descriptor is out of the poll set")
    func cancelledElsewhere() async throws {
        try await withLoop { loop in
            let pipe = TestPipe()
            let (isHeld, isOver) = (Cell(false), Cell(false))
            let future = loop.readable(pipe.readEnd).future()
            loop.post {
                isHeld.value = true
                _ = blockUntil { isOver.value }
            }
            #expect(await eventually { isHeld.value })
            #expect(future.cancel() == .stopped)
            let removal = loop.unwatch(pipe.readEnd, .read)
            #expect(!removal.isCompleted)
            isOver.value = true
            try await removal.value
            #expect(loop.unwatch(pipe.readEnd, .read).isCompleted)
        }
    }

    @Test("E10: cancelling a watcher from another thread does not block on its running handler")
    func removalDoesNotBlock() async throws {
        try await withLoop { loop in
            let pipe = TestPipe()
            let entered = Promise<Void>()
            let leave = Cell(false)
            let watch = try loop.watch(pipe.readEnd, .read) {
                _ = pipe.receive()
                entered.tryComplete(.success(()))
                _ = blockUntil { leave.value }
            }
            pipe.send()
            try await entered.future.value
            let removal = watch.remove()
            #expect(!removal.isCompleted)
            leave.value = true
            try await removal.value
        }
    }

    @Test("E10: a closed loop leaves no watcher behind, and fails the pending ones")
    func nothingOutlivesTheLoop() async throws {
        final class Token: Sendable {}
        weak var weakToken: Token?
        let pipe = TestPipe()
        let future: Future<Void>
        do {
            let token = Token()
            weakToken = token
            let loop = try IOLoop.onOwnThread(name: "left behind")
            _ = try loop.watch(pipe.readEnd, .read) { _ = token }
            pipe.fill()
            future = loop.writable(pipe.writeEnd).future()
            loop.stop()
            try await loop.stopped.value
            let error = await #expect(throws: LoopClosed.self) { try await future.value }
            #expect(error?.loop == "left behind")
            #expect(throws: LoopClosed.self) { try loop.watch(pipe.readEnd, .read) {} }
        }
        #expect(await eventually { weakToken == nil })
    }

    @Test("E10: a loop that is dropped without a stop fails what is pending on it")
    func droppedLoop() async throws {
        let pipe = TestPipe()
        var loop: IOLoop? = try IOLoop(name: "dropped")
        let readable = loop!.readable(pipe.readEnd).future()
        let sleep = Future<Void>.sleep(for: .seconds(1000), on: loop!)
        loop = nil
        await #expect(throws: LoopClosed.self) { try await readable.value }
        await #expect(throws: LoopClosed.self) { try await sleep.value }
    }

    @Test("T13: in one turn handlers run in the order of registration")
    func registrationOrder() async throws {
        try await onThread {
            let loop = try IOLoop()
            defer { loop.stop() }
            let pipes = (0..<8).map { _ in TestPipe() }
            let order = OrderRecorder()
            let done = Promise<Void>()
            for index in [3, 0, 7, 1, 6, 2, 5, 4] {
                pipes[index].send()
                _ = try loop.watch(pipes[index].readEnd, .read) {
                    _ = pipes[index].receive()
                    order.record("\(index)")
                    if order.count == 8 { done.succeed(()) }
                }
            }
            try loop.run(until: done.future)
            #expect(order.entries == ["3", "0", "7", "1", "6", "2", "5", "4"])
        }
    }

    @Test("E1: loops work alike without epoll, and without epoll and poll", arguments: ["EVENT_NOEPOLL", "both"])
    func otherBackends(variable: String) async {
        if variable == "both" {
            await #expect(processExitsWith: .success) {
                unsafe setenv("EVENT_NOEPOLL", "1", 1)
                unsafe setenv("EVENT_NOPOLL", "1", 1)
                try await DescriptorTests.exercise("select")
            }
        } else {
            await #expect(processExitsWith: .success) {
                unsafe setenv("EVENT_NOEPOLL", "1", 1)
                try await DescriptorTests.exercise("poll")
            }
        }
    }

    static func exercise(_ method: String) async throws {
        try await withLoop { loop in
            #expect("\(loop)".contains(method))
            let pipe = TestPipe()
            let readable = loop.readable(pipe.readEnd).future()
            for _ in 0..<20 {
                try await Future<Void>.sleep(for: .microseconds(300), on: loop).value
                #expect(try await loop.submit { loop.isCurrent }.value)
            }
            #expect(!readable.isCompleted)
            pipe.send()
            try await readable.value
            _ = pipe.receive()
            let again = loop.readable(pipe.readEnd).future()
            again.cancel()
            if !"\(loop)".contains(method) { exit(1) }
        }
        exit(0)
    }
}
