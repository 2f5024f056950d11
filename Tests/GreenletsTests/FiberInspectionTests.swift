// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

@Suite("Fibers: looking at them")
struct FiberInspectionTests {
    @Test(
        "G7: the description says pending, running, suspended or dead, main or not, where it belongs, and if that has ended"
    )
    func descriptions() async throws {
        let left = try await onThread { () throws in
            let fiber = Fiber<String>(name: "worker") { _ in
                #expect("\(Fiber<String>.main)".hasPrefix("main fiber (suspended) of thread 0x"))
                let seen = "\(Fiber<String>.current)"
                return try Fiber.current.parent!.switch(seen)
            }
            #expect("\(Fiber<String>.main)".hasPrefix("main fiber (running) of thread 0x"))
            #expect("\(fiber)".hasPrefix("fiber worker (pending) of thread 0x"))
            #expect(try send("", to: fiber).hasPrefix("fiber worker (running)"))
            #expect("\(fiber)".hasPrefix("fiber worker (suspended)"))
            try send("", to: fiber)
            #expect("\(fiber)".hasPrefix("fiber worker (dead)") && !"\(fiber)".contains("ended"))
            return Unchecked([fiber, Fiber.main])
        }
        // SAFETY: descriptions may be had on any thread.
        #expect(await eventually { left.value.allSatisfy { "\($0)".hasSuffix(", which has ended") } })
        #expect("\(left.value[1])".hasPrefix("main fiber (dead)"))
    }

    @Test("G5: a body cannot be read or replaced; before the start it is kept, and released when it will not run")
    func bodies() async throws {
        try await onThread { () throws in
            let ended = Counter()
            func make() -> Fiber<Int> {
                let sentinel = Sentinel(ended)
                return Fiber { number in
                    sentinel.use()
                    return number
                }
            }
            let fiber = make()
            #expect(ended.value == 0)
            #expect(try throwExit(into: fiber) == nil)
            #expect(ended.value == 1)
        }
    }

    @Test("G48: a suspended fiber shows where it is, any other nothing", .enabled(if: hasStacks, needsStacks))
    func backtraces() async throws {
        try await onThread { () throws in
            let fiber = Fiber<Int>(name: "deep") { first in
                #expect(Fiber<Int>.current.backtrace.isEmpty)
                return try nestedSwitch(first, depth: 20)
            }
            #expect(fiber.backtrace.isEmpty && fiber.stackHighWater == 0)
            try send(1, to: fiber)
            #expect(fiber.backtrace.count > 10)
            #expect(fiber.stackHighWater > 0)
            #expect(Fiber<Int>.main.backtrace.isEmpty)
            let named = fiber.backtrace.compactMap(\.function)
            #expect(named.isEmpty || named.contains { $0.contains("nestedSwitch") || $0.contains("Fiber") })
            #expect(Fiber.dump(backtraces: true).contains("    at "))
            try send(1, to: fiber)
            #expect(fiber.backtrace.isEmpty)
        }
    }

    @Test("G41: the count and the dump are of the calling thread's suspended fibers, its greenlets' included")
    func counts() async throws {
        try await onLoop { (loop) async throws in
            let release = Promise<Void>()
            let holders = (0..<3).map { number in
                Greenlet.spawn(on: loop, name: "holder \(number)") {
                    let fiber = Fiber<Int>(name: "held \(number)") { try Fiber.main.switch($0) }
                    try send(1, to: fiber)
                    try release.future.wait()
                    withExtendedLifetime(fiber) {}
                }
            }
            let seen = try await Greenlet.spawn(on: loop) { () -> (Int, Int, String) in
                let outside = Fiber.suspendedCount
                let inside = try Fiber<Int> { _ in Fiber.suspendedCount }.switch(0)
                return (outside, inside, Fiber.dump())
            }.value
            #expect(seen.0 == 3 && seen.1 == 3)
            #expect(seen.2.hasPrefix("3 fibers on this thread"))
            for number in 0..<3 {
                #expect(seen.2.contains("fiber held \(number) (suspended) of holder \(number), parent main"))
            }
            release.succeed(())
            for holder in holders { try await holder.value }
            let left = try await Greenlet.spawn(on: loop) { Fiber.suspendedCount }.value
            #expect(left == 0)
        }
    }
}

@inline(never)
func nestedSwitch(_ number: Int, depth: Int) throws -> Int {
    let below = depth == 0 ? try Fiber<Int>.current.parent!.switch(number) : try nestedSwitch(number, depth: depth - 1)
    return below + 1
}
