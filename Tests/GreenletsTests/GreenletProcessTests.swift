// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

@Suite("Greenlets: the end of the process", .enabled(if: !Environment.checksLeaks))
struct GreenletProcessTests {
    @Test("G43: a process ends with a thousand greenlets and their fibers suspended, on several loops")
    func suspended() async {
        await #expect(processExitsWith: .exitCode(9)) {
            let count = stress(hasStacks ? 1_000 : 100)
            for name in ["one", "another"] {
                let parked = Counter()
                let loop = try IOLoop.onOwnThread(name: name)
                for _ in 0..<count / 2 {
                    Greenlet.spawn(on: loop) {
                        let fiber = Fiber<Int> { try Fiber<Int>.main.switch($0) }
                        try send(1, to: fiber)
                        parked.add()
                        try forever.future.wait()
                        withExtendedLifetime(fiber) {}
                    }
                }
                guard await eventually({ parked.value == count / 2 }) else { exit(1) }
            }
            exit(9)
        }
    }

    @Test(
        "G43: exit in a greenlet, beside others, ends the process; its last handlers may ask who is running, and spawn"
    )
    func exitInside() async {
        await #expect(processExitsWith: .exitCode(10)) {
            let loop = try IOLoop.onOwnThread()
            atexit {
                precondition(Greenlet.current?.name == "the last one")
                precondition(Fiber<Int>.current.isActive)
                let late = Greenlet.spawn { 1 }
                precondition((try? late.wait(timeout: .seconds(60))) == 1)
            }
            for _ in 0..<10 { Greenlet.spawn(on: loop) { try forever.future.wait() } }
            try await Greenlet.spawn(on: loop, name: "the last one") {
                try Greenlet.yield()
                exit(10)
            }.value
        }
    }

    @Test("G43: exit in a portal, and on a thread whose loop is running, ends the process, and nobody is running then")
    func exitElsewhere() async {
        await #expect(processExitsWith: .exitCode(11)) {
            try await Greenlet.run {
                try Greenlet.yield()
                exit(11)
            }
        }
        await #expect(processExitsWith: .exitCode(12)) {
            atexit { precondition(Greenlet.current == nil && Fiber<Int>.current.isActive) }
            try await onThread {
                let loop = try IOLoop()
                Greenlet.spawn(on: loop) { try forever.future.wait() }
                loop.post { loop.post { exit(12) } }
                try loop.run()
            }
        }
    }
}
