// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CStackSwitch
import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

#if DEBUG
private let isDebug = true
#else
private let isDebug = false
#endif

private final class Box {
    var list: [Int] = []
    var other: [Int] = []
}

/// Parks while it may change what it was given.
private func hold(_ list: inout [Int], _ wait: () throws -> Void) rethrows {
    list.append(1)
    try wait()
    list.append(2)
}

private func answer(_ number: Int) throws -> Int { try Fiber<Int>.current.parent!.switch(number) }

@Suite("What must not be open across a park", .enabled(if: isDebug, "release builds do not look"))
struct ScopeCheckTests {
    static var seesAccesses: Bool { sy_runtime_get_capabilities() & SY_RUNTIME_ACCESSES.rawValue != 0 }

    @Test("H23: the head of the task-local bindings moves with each scope, and comes back", arguments: [true, false])
    func heads(_ inTask: Bool) async throws {
        let look: @Sendable () -> [UInt] = {
            var heads = [sy_runtime_locals_head()]
            Local.$name.withValue("outer") {
                heads.append(sy_runtime_locals_head())
                Local.$name.withValue("inner") { heads.append(sy_runtime_locals_head()) }
                heads.append(sy_runtime_locals_head())
            }
            return heads.map { UInt($0) } + [UInt(sy_runtime_locals_head())]
        }
        try #require(sy_runtime_reads_locals())
        let heads = inTask ? look() : try await onThread { look() }
        #expect(Set(heads).count == 3)
        #expect(heads[0] == heads[4] && heads[1] == heads[3])
        let inGroup = await withTaskGroup(of: Void.self) { group in
            group.addTask {}
            return look()
        }
        #expect(Set(inGroup).count == 3)
    }

    @Test("H23: a fiber in a task that leaves a task-local scope open is reported, once, with its name and what to do")
    func fiber() async throws {
        let collector = ReportCollector(containing: "fiber leaves-it-open")
        func run() throws {
            let fiber = Fiber<Int>(name: "leaves-it-open") { number in
                try Local.$name.withValue("fiber's") {
                    _ = try answer(number + 1)
                    return try answer(number + 2)
                }
            }
            #expect(try send(1, to: fiber) == 2)
            #expect(try send(1, to: fiber) == 3)
            _ = try send(0, to: fiber)
            #expect(fiber.isDead && Local.name == "none")
        }
        try run()
        let reports = await collector.settledReports()
        #expect(reports.count == 1)
        #expect("\(reports)".contains("Close the scope before you switch"))
    }

    @Test("H23: scopes that nest or are closed in time are not reported; that of a fiber below another one is")
    func fibersNested() async throws {
        let collector = ReportCollector(containing: "fiber of-a-chain")
        func run() throws {
            let outer = Fiber<Int>(name: "of-a-chain: outer") { number in
                let inner = Fiber<Int>(name: "of-a-chain: inner") { number in
                    var number = number
                    while true {
                        let next = Local.$name.withValue("inner's") { number + 1 }
                        number = try answer(next)
                    }
                }
                var number = number
                while true {
                    // It drives another one in its scope, which ends before it answers.
                    let next = try Local.$name.withValue("outer's") { try send(number, to: inner) + 10 }
                    number = try answer(next)
                }
            }
            let first = try Local.$name.withValue("main's") { try send(1, to: outer) }
            let second = try send(2, to: outer)
            let third = try Local.$name.withValue("main's, too") { try send(3, to: outer) }
            #expect([first, second, third] == [12, 13, 14])
            // The two would hold each other.
            _ = try outer.throw(GreenletExit())
        }
        try run()
        #expect(await collector.settledReports().count == 0)

        func runBelow() throws {
            let main = Fiber<Int>.current
            let inner = Fiber<Int>(name: "of-a-chain: straight") { try main.switch($0 + 1) }
            let outer = Fiber<Int>(name: "of-a-chain: guilty") { number in
                try Local.$name.withValue("outer's") { try send(number, to: inner) }
            }
            #expect(try send(1, to: outer) == 2)
            // Back on the guilty one's stack, in order.
            _ = try outer.throw(GreenletExit())
        }
        try runBelow()
        let reports = await collector.settledReports()
        #expect(reports.count == 1, "\(reports)")
        #expect("\(reports)".contains("guilty"))
    }

    @Test(
        "H23: a fiber outside of a task has task-locals of its own, and may leave a scope open",
        .enabled(if: keepsTaskLocals)
    )
    func fiberOutside() async throws {
        let collector = ReportCollector(containing: "fiber outside-of-tasks")
        try await onThread { () throws in
            let fiber = Fiber<Int>(name: "outside-of-tasks") { number in
                try Local.$name.withValue("fiber's") { try answer(number + 1) }
            }
            #expect(try send(1, to: fiber) == 2)
            #expect(Local.name == "none")
            _ = try send(0, to: fiber)
        }
        #expect(await collector.settledReports().count == 0)
    }

    @Test(
        "H23: where task-locals cannot be kept apart, a greenlet that waits in a scope is reported by name",
        .enabled(if: hasStacks)
    )
    func greenlet() async {
        await #expect(processExitsWith: .success) {
            Environment.set("SWITCHYARD_RUNTIME_STATE", "fallback")
            let collector = ReportCollector(containing: "task-local scope open")
            try await onThread { () throws in
                let loop = VirtualLoop()
                for number in 0..<2 {
                    // Two of one place: one report.
                    Greenlet.spawn(on: loop, name: "guilty \(number)") {
                        try Local.$name.withValue("its own") { try Greenlet.yield() }
                    }
                    try loop.runUntilIdle()
                }
                Greenlet.spawn(on: loop, name: "innocent") {
                    try Greenlet.yield()
                    Local.$name.withValue("its own") {}
                    try Greenlet.sleep(for: .seconds(1))
                }
                try loop.advanceUntilIdle()
                loop.stop()
            }
            let text = "\(await collector.settledReports())"
            #expect(text.contains("guilty 0") && !text.contains("guilty 1") && !text.contains("innocent"))
            #expect(text.contains("ScopeCheckTests.swift") && text.contains("Close the scope before you wait"))
        }
    }

    @Test(
        "H23: a wait inside an exclusive access is reported, of a greenlet and of a portal, with what it waits for",
        .enabled(if: seesAccesses)
    )
    func accesses() async throws {
        let collector = ReportCollector { report in
            "\(report)".contains("inside an exclusive access") && "\(report)".contains("access-holder")
        }
        try await onLoop { (loop) async throws in
            let gate = Promise<Int>("the gate")
            let holder = Greenlet.spawn(on: loop, name: "access-holder, a greenlet") {
                let box = Box()
                try hold(&box.list) { _ = try gate.future.wait() }
                try hold(&box.list) { try Greenlet.yield() }
            }
            Greenlet.spawn(on: loop) { gate.succeed(1) }
            try await holder.value
            try await Greenlet.run(on: loop, name: "access-holder, a portal") {
                let box = Box()
                try hold(&box.list) { try Greenlet.yield() }
            }
            try await Greenlet.run(on: loop, name: "access-holder, by await") {
                let box = Box()
                try hold(&box.list) { try Greenlet.await { await Task.yield() } }
            }
            try await Greenlet.run(on: loop, name: "no access-holder") {
                let box = Box()
                box.list.append(try gate.future.wait())
                try Greenlet.yield()
                hold(&box.list) {}
                box.other.append(try Greenlet.await { 1 })
                try Greenlet.spawn(on: loop) {}.join()
            }
        }
        let texts = await collector.settledReports().map { "\($0)" }
        #expect(texts.count == 3)
        #expect(texts.contains { $0.contains("a greenlet") && $0.contains("waits for") })
        #expect(texts.contains { $0.contains("a portal") } && texts.contains { $0.contains("by await") })
        #expect(!texts.contains { $0.contains("no access-holder") })
    }
}
