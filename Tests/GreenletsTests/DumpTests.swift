// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

@Suite("Dumps of greenlets")
struct DumpTests {
    @Test(
        "V33: a dump is a tree of who has spawned whom; where the spawner has ended, or is of another loop, it says so"
    )
    func tree() async throws {
        let release = Promise<Void>()
        try await onVirtualLoop { (loop) throws in
            let wait: @Sendable () throws -> Void = { try release.future.wait() }
            Greenlet.spawn(on: loop, name: "root") {
                Greenlet.spawn(name: "first") {
                    Greenlet.spawn(name: "inner", wait)
                    try wait()
                }
                Greenlet.spawn(on: loop, name: "second", wait)
                let paused = Greenlet<Void>.paused(name: "third", wait)
                paused.start()
                try wait()
            }
            let short = Greenlet.spawn(on: loop, name: "short") { Greenlet.spawn(name: "orphan", wait) }
            try loop.runUntilIdle()
            let other = VirtualLoop(name: "other")
            let far = Greenlet.spawn(on: loop) { Greenlet.spawn(on: other, name: "far", wait) }
            try loop.runUntilIdle()
            try other.runUntilIdle()

            let lines = try loop.run(until: Hub.dump(of: loop)).split(separator: "\n").map(String.init)
            let starts = [
                "6 greenlets on loop \"virtual\"", "  root", "    first", "      inner", "    second", "    third",
                "  orphan",
            ]
            #expect(lines.count == starts.count && zip(lines, starts).allSatisfy { $0.hasPrefix($1) }, "\(lines)")
            #expect(lines.last?.contains(", spawned by greenlet-\(short.id) (ended): parked") == true, "\(lines)")
            #expect(lines.filter { $0.contains("spawned by") }.count == 1, "\(lines)")
            let elsewhere = try other.run(until: Hub.dump(of: other))
            #expect(elsewhere.contains(", spawned by greenlet-\(far.id) (of another loop)"), "\(elsewhere)")
            release.succeed(())
            try other.runUntilIdle()
            other.stop()
        }
    }

    @Test(
        "V33: a dump says what each does and for how long by the loop's clock, whether a kill came, and the use of its stack"
    )
    func states() async throws {
        try await onVirtualLoop { (loop) throws in
            let promise = Promise<Int>()
            Greenlet.spawn(on: loop, name: "waiter") { try promise.future.wait() }
            Greenlet.spawn(on: loop, name: "sleeper") { try Greenlet.sleep(for: .seconds(100)) }
            let stubborn = Greenlet.spawn(on: loop, name: "stubborn") {
                do { try promise.future.wait() } catch { try promise.future.wait() }
            }
            try loop.advance(by: .milliseconds(1_200))
            stubborn.kill()
            try loop.advance(by: .milliseconds(2_000))
            let seen = Greenlet.spawn(on: loop, name: "looker") { () -> String in
                Greenlet.spawn(name: "fresh") {}
                let yields = Greenlet.spawn(name: "yields") { try Greenlet.yield() }
                try Greenlet.yield()
                let text = try Hub.dump(of: loop).wait()
                try yields.join()
                return text
            }
            let text = try loop.run(until: seen)
            func line(_ name: String) -> String {
                text.split(separator: "\n").map { $0.drop { $0 == " " } }.first { $0.hasPrefix(name) }.map(String.init)
                    ?? ""
            }
            #expect(line("waiter").contains(": parked, waits for Future<Int>"), "\(text)")
            #expect(line("waiter").contains("; for 3.2 s"), "\(text)")
            #expect(line("sleeper").contains(": sleeps; for 3.2 s"), "\(text)")
            #expect(line("stubborn").contains("; for 2.0 s; killed 2.0 s ago, thrown once"), "\(text)")
            #expect(line("looker").contains(": running"), "\(text)")
            #expect(line("yields").contains(": ready"), "\(text)")
            #expect(!hasStacks || line("waiter").contains(" KiB of stack"), "\(text)")
            Greenlet.spawn(on: loop, name: "new") {}
            #expect(Hub.dump(of: loop).isCompleted == false)
            promise.succeed(1)
        }
    }

    @Test("V33: a dump shows who was not started, and the portal that awaits an async function")
    func portals() async throws {
        try await onVirtualLoop { (loop) throws in
            let seen = Promise<String>()
            loop.post {
                Greenlet.spawn(name: "new") {}
                seen.succeed((try? Hub.dump(of: loop).outcome?.get()) ?? "")
            }
            #expect(try loop.run(until: seen.future).contains("new"))
            #expect(try loop.run(until: seen.future).contains(": not started"))
        }
        try await onLoop("portals") { (loop) async throws in
            let gate = Promise<Void>()
            async let portal: Void = Greenlet.run(on: loop, name: "portal") {
                try Greenlet.await { try await gate.future.value }
            }
            var text = ""
            repeat { text = try await Hub.dump(of: loop).value } while !text.contains("awaits an async function")
            #expect(text.contains("  portal"))
            gate.succeed(())
            try await portal
        }
    }

    @Test("V33: with backtraces a dump shows where each is", .enabled(if: hasStacks, needsStacks))
    func backtraces() async throws {
        try await onVirtualLoop { (loop) throws in
            Greenlet.spawn(on: loop) { try forever.future.wait() }
            try loop.runUntilIdle()
            let (plain, deep) = (Hub.dump(of: loop), Hub.dump(of: loop, backtraces: true))
            #expect(try loop.run(until: deep).split(separator: "\n").filter { $0.hasPrefix("      at ") }.count > 3)
            #expect(try loop.run(until: plain).split(separator: "\n").count == 2)
        }
    }

    @Test(
        "V33: all loops of the process are dumped from any thread; one that is blocked is shown with who holds its thread"
    )
    func all() async throws {
        try await onLoop("open") { (open) async throws in
            try await onLoop("held") { (held) async throws in
                let waiter = Greenlet.spawn(on: open, name: "waits here") { try forever.future.wait() }
                let (begun, release) = (Counter(), Counter())
                Greenlet.spawn(on: held, name: "holds on") {
                    begun.add()
                    while release.value == 0 {}
                }
                #expect(await eventually { begun.value == 1 })
                // However slow the machine is, one of these is long enough for the open loop to answer.
                var text = ""
                for limit in [0.2, 1, 5, 30] {
                    text = try await Hub.dumpAll(within: .seconds(limit)).value
                    if text.contains("waits here") { break }
                }
                #expect(text.contains("greenlets on loop \"open\"\n  waits here"), "\(text)")
                #expect(text.contains("loop \"held\" is blocked"), "\(text)")
                #expect(!answersSamples || text.contains("the greenlet holds on"), "\(text)")
                #expect(!answersSamples || text.contains("    at "), "\(text)")
                release.add()
                waiter.kill()
            }
        }
    }

    @Test("V33: a dump of all loops can be had on a loop's own thread and in a greenlet, which sees itself run")
    func allHere() async throws {
        try await onLoop("self") { (loop) async throws in
            let greenlet = Greenlet.spawn(on: loop, name: "asks for all") {
                // Loops of other tests, which nobody runs, make it wait for all of that.
                try Hub.dumpAll(within: .seconds(2)).wait()
            }
            #expect(await eventually { greenlet.isDead })
            let text = try await greenlet.value
            #expect(text.contains("asks for all") && text.contains(": running"), "\(text)")
        }
    }
}
