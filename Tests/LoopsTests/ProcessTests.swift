// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CLibevent
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

@Suite("Loops and their process")
struct ProcessTests {
    @Test("E12: writing to a peer that is gone is an error, not a signal")
    func brokenPipe() async {
        await #expect(processExitsWith: .exitCode(EPIPE)) {
            signal(SIGPIPE, SIG_DFL)
            _ = try IOLoop()
            var ends: [Int32] = [0, 0]
            _ = unsafe pipe(&ends)
            close(ends[0])
            var byte: UInt8 = 0
            let written = unsafe write(ends[1], &byte, 1)
            exit(written == -1 ? errno : 0)
        }
    }

    @Test("E12: a handler for SIGPIPE that the program has installed stays")
    func brokenPipeHandler() async {
        await #expect(processExitsWith: .exitCode(7)) {
            signal(SIGPIPE) { _ in _exit(7) }
            _ = try IOLoop()
            raise(SIGPIPE)
        }
    }

    @Test("E12: an internal error of libevent names itself and ends the process")
    func fatal() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = try IOLoop()
            // libevent refuses this once a base exists, and takes it for fatal.
            event_enable_debug_mode()
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("switchyard: libevent"))
        #expect(text.contains("event_enable_debug_mode"))
    }

    #if os(Linux)
    @Test("K8, AG6: using a loop in a forked child is detected and named; after re-initialising it works")
    func forkedChild() async {
        let result = await #expect(processExitsWith: .exitCode(42), observing: [\.standardErrorContent]) {
            let status = try await onThread {
                let loop = try IOLoop(name: "the parent's")
                let pipe = TestPipe()
                let parents = Counter()
                loop.post { parents.add() }
                _ = loop.readable(pipe.readEnd).future()
                let status = forked { ProcessTests.inChild(loop, pipe, parents) }
                // The child did not take the parent's work, nor its place in the kernel.
                pipe.send()
                try loop.run(until: loop.writable(pipe.writeEnd))
                return parents.value == 1 ? status : 1
            }
            exit(status)
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("LoopForked"))
        #expect(text.contains("the parent's"))
    }

    /// 42 if all went well, otherwise the step that did not.
    private static func inChild(_ loop: IOLoop, _ pipe: TestPipe, _ parents: Counter) -> Int32 {
        if loop.tryPost({}) { return 2 }
        if loop.schedule(after: .zero, {}).cancel() { return 8 }
        let sleep = Future<Void>.sleep(for: .zero, on: loop)
        sleep.callback { _ in }
        guard sleep.isCompleted else { return 9 }
        do {
            try loop.run()
            return 3
        } catch {
            guard (error as? CannotRunLoop)?.reason == .forked else { return 4 }
        }
        // Observed: a report would start a thread, which thread sanitizer does not bear in a forked child.
        let refused = Cell<(any Error)?>(nil)
        loop.readable(pipe.readEnd).callback { outcome in
            if case .failure(let error) = outcome { refused.value = error }
        }
        guard refused.value is LoopForked else { return 5 }
        do {
            try loop.reinitializeAfterFork()
            try loop.run(until: Future<Void>.sleep(for: .milliseconds(1), on: loop))
            try loop.run(until: loop.writable(pipe.writeEnd))
            return parents.value == 0 ? 42 : 6
        } catch { return 7 }
    }
    #endif
}
