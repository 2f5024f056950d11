// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Testing

private typealias Pool = DependencyPool<String, Int>

private func reason(_ body: () throws -> Void) -> DependencyError.Reason? {
    do { try body() } catch { return (error as? DependencyError)?.reason }
    return nil
}

/// For a task that needs the values of others.
private let sum: @Sendable (DependencyResults<String, Int>) throws -> Int = { try $0.waitAll().values.reduce(0, +) }

@Suite("Pools of dependent tasks")
struct DependencyTests {
    @Test(
        "EV8: a task begins at once and has the values it needs as they come, of tasks, posted, there from the beginning"
    )
    func values() async throws {
        try await onVirtualLoop { (loop) throws in
            let order = OrderRecorder()
            let pool = Pool(["there": 1], on: loop)
            try pool.spawn("total", after: ["slow", "quick", "there", "posted"]) { values in
                order.record("begins")
                var total = 0
                while let (key, value) = try values.waitNext() {
                    order.record("\(key) after \(loop.now.nanoseconds / 1_000_000_000)")
                    total += value
                }
                return total
            }
            #expect(pool.missing(for: "total") == ["slow", "quick", "posted"])
            for (key, seconds) in [("slow", 3), ("quick", 1)] {
                try pool.spawn(key) { _ in
                    try Greenlet.sleep(for: .seconds(seconds))
                    return seconds * 10
                }
            }
            try loop.advance(by: .seconds(2))
            try pool.post("posted", 2)
            let user = Greenlet.spawn(on: loop) { try pool.wait(for: "total") }
            #expect(try loop.run(until: user) == 43)
            #expect(
                order.entries == ["begins", "there after 0", "quick after 1", "posted after 2", "slow after 3"]
            )
            #expect(pool.keys == ["total", "slow", "quick", "there", "posted"] && pool.runningKeys.isEmpty)
            #expect(pool.missing(for: "total").isEmpty)
        }
    }

    @Test("EV8: waiting for all has the values of tasks, too, that were added meanwhile, and tells what is missing")
    func all() async throws {
        try await onVirtualLoop { (loop) throws in
            let pool = Pool(on: loop, name: "build")
            try pool.spawn("late", after: ["a", "b"], sum)
            try pool.spawn("a") { [pool] _ in
                try Greenlet.sleep(for: .seconds(1))
                try pool.spawn("b", after: ["c"], sum)
                return 1
            }
            let user = Greenlet.spawn(on: loop) { () throws -> [String: Int] in
                let late = text { _ = try pool.waitAll(timeout: .seconds(2)) }
                #expect(late.contains("2 values (b, late) in dependency pool \"build\""))
                let one = text { _ = try pool.wait(for: "b", timeout: .seconds(1)) }
                #expect(one.contains("the value of b"))
                try pool.post("c", 5)
                try pool.join()
                return try pool.waitAll()
            }
            #expect(try loop.run(until: user) == ["a": 1, "b": 5, "c": 5, "late": 6])
            let growing = Pool(on: loop)
            try growing.spawn("one") { [growing] _ in
                try Greenlet.sleep(for: .seconds(1))
                try growing.spawn("two") { _ in
                    try Greenlet.sleep(for: .seconds(1))
                    return 2
                }
                return 1
            }
            let watcher = Greenlet.spawn(on: loop) { try growing.waitAll() }
            #expect(try loop.run(until: watcher) == ["one": 1, "two": 2])
            let none = Greenlet.spawn(on: loop) { try Pool(on: loop).waitAll() }
            #expect(try loop.run(until: none).isEmpty)
        }
    }

    @Test("EV8: a key that is there, one that is unknown, and a circle are refused by name, and change nothing")
    func refused() async throws {
        try await onVirtualLoop { (loop) throws in
            let pool = Pool(["value": 1], on: loop)
            let ran = Counter()
            let body: @Sendable (DependencyResults<String, Int>) throws -> Int = { _ in
                ran.add()
                return 0
            }
            try pool.spawn("a", after: ["b"], sum)
            for key in ["a", "value"] { #expect(reason { try pool.spawn(key, body) } == .duplicateKey) }
            #expect(reason { try pool.post("a", 2) } == .duplicateKey)
            #expect(reason { try pool.post("value", 2) } == .duplicateKey)
            #expect(reason { try pool.kill("nobody") } == .unknownKey)
            #expect(reason { _ = try pool.value(of: "nobody") } == .unknownKey)
            #expect(reason { _ = try pool.values(of: ["value", "b"]) } == .unknownKey)
            #expect(text { _ = try pool.value(of: "b") }.contains("with the key b"))
            try pool.spawn("b", after: ["c", "value"], sum)
            #expect(reason { try pool.spawn("c", after: ["value", "a"], body) } == .cycle)
            #expect(text { try pool.spawn("c", after: ["a"], body) }.contains("c → a → b → c"))
            #expect(reason { try pool.spawn("d", after: ["d"], body) } == .cycle)
            #expect(pool.keys == ["a", "b", "value"])
            try pool.spawn("c") { _ in 4 }
            let user = Greenlet.spawn(on: loop) { try pool.waitAll() }
            #expect(try loop.run(until: user)["a"] == 5)
            #expect(ran.value == 0)
        }
    }

    @Test(
        "EV8: the failure of a task is thrown where its value is needed, with the way it came; who can do without goes on"
    )
    func failing() async throws {
        try await onVirtualLoop { (loop) throws in
            let pool = Pool(on: loop)
            try pool.spawn("c", after: ["b", "other"], sum)
            try pool.spawn("b", after: ["a"], sum)
            try pool.spawn("without", after: ["a", "other"]) { values in
                var total = 0
                while true {
                    do {
                        guard let next = try values.waitNext() else { return total }
                        total += next.value
                    } catch is DependencyFailed { total += 100 }
                }
            }
            try pool.spawn("a") { _ in throw Oops(number: 3) }
            try pool.post("other", 1)
            let user = Greenlet.spawn(on: loop) { () throws in
                let failed = #expect(throws: DependencyFailed.self) { try pool.wait(for: "c") }
                #expect(failed?.key as? String == "c" && failed?.root as? Oops == Oops(number: 3))
                #expect((failed?.cause as? DependencyFailed)?.key as? String == "b")
                #expect("\(failed!)".contains("key c: DependencyFailed: there is no value for the key b"))
                #expect(try pool.wait(for: "without") == 101)
                #expect(throws: DependencyFailed.self) { try pool.waitAll() }
            }
            try loop.run(until: user)
        }
    }

    @Test(
        "EV8: a task that is killed by its key has failed at once for those who need it, and a value may take its place"
    )
    func killing() async throws {
        try await onVirtualLoop { (loop) throws in
            let pool = Pool(on: loop)
            let cleaned = Counter()
            try pool.spawn("stuck") { _ in
                defer { cleaned.add() }
                return try forever.future.wait()
            }
            try pool.spawn("first", after: ["stuck"], sum)
            try loop.runUntilIdle()
            try pool.kill("stuck")
            try pool.post("stuck", 7, replacing: true)
            try pool.spawn("second", after: ["stuck"], sum)
            let user = Greenlet.spawn(on: loop) {
                let failed = #expect(throws: DependencyFailed.self) { try pool.wait(for: "first") }
                #expect(failed?.root is CancellationError)
                #expect(try pool.wait(for: "second") == 7 && cleaned.value == 1)
                try pool.kill("second")
                #expect(try pool.wait(for: "second") == 7)
                try pool.spawn("third") { _ in try forever.future.wait() }
                pool.kill()
                try pool.join()
            }
            try loop.run(until: user)
        }
    }

    @Test(
        "EV8: who needs a value and leaves does not disturb the task; a task may post its own value early, or an error"
    )
    func posting() async throws {
        try await onVirtualLoop { (loop) throws in
            let pool = Pool(on: loop)
            let gate = Promise<Void>()
            let task = try pool.spawn("early") { [pool] _ in
                try gate.future.wait()
                try pool.post("early", 1)
                try Greenlet.sleep(for: .seconds(1))
                return 2
            }
            let leaving = try pool.spawn("leaving", after: ["early"], sum)
            let waiting = Greenlet.spawn(on: loop) { try pool.wait(for: "early") }
            try loop.runUntilIdle()
            leaving.kill()
            waiting.kill()
            try loop.runUntilIdle()
            #expect(leaving.isDead && waiting.isDead && !task.isDead)
            gate.succeed(())
            let user = Greenlet.spawn(on: loop) {
                #expect(try pool.wait(for: "early") == 1 && !task.isDead)
                try task.join()
                #expect(try pool.wait(for: "early") == 1)
                try pool.post("early", 3, replacing: true)
                #expect(try pool.wait(for: "early") == 3)
                try pool.fail("bad", Oops(number: 1))
                let failed = #expect(throws: DependencyFailed.self) { try pool.wait(for: "bad") }
                #expect(failed?.cause as? Oops == Oops(number: 1))
            }
            try loop.run(until: user)
        }
    }

    @Test("EV8: a closed pool takes no keys, and who needs one that nobody has is told; a task cannot wait for itself")
    func closing() async throws {
        try await onVirtualLoop { (loop) throws in
            let pool = Pool(on: loop)
            try pool.spawn("a", after: ["nobody"], sum)
            try pool.spawn("self") { [pool] _ in
                #expect(throws: GreenletMisuse.self) { try pool.wait(for: "self") }
                #expect(throws: GreenletMisuse.self) { try pool.waitAll() }
                #expect(throws: GreenletMisuse.self) { try pool.join() }
                return 0
            }
            try loop.runUntilIdle()
            pool.close()
            #expect(reason { try pool.spawn("late", sum) } == .closed)
            #expect(reason { try pool.post("nobody", 1) } == .closed)
            let user = Greenlet.spawn(on: loop) { () throws in
                let failed = #expect(throws: DependencyFailed.self) { try pool.wait(for: "a") }
                #expect((failed?.root as? DependencyError)?.reason == .unknownKey)
                #expect(try pool.wait(for: "self") == 0)
            }
            try loop.run(until: user)
        }
    }

    @Test("EV8: a failure that nobody needs is reported; async code has values as they come, and of one key")
    func styles() async throws {
        let reports = ReportCollector(containing: "Oops(number: 8151)")
        try await onLoop { loop in
            do {
                let pool = DependencyPool<Int, Int>(on: loop)
                try pool.spawn(0) { _ in throw Oops(number: 8151) }
                for n in 1...20 {
                    try pool.spawn(n, after: n == 1 ? [] : [n - 1]) { try $0.waitAll().values.reduce(1, +) }
                }
                #expect(try await pool.value(of: 20).value == 20)
                var all: [Int] = []
                for try await (key, value) in try pool.values(of: Array(1...20)) where key == value { all.append(key) }
                #expect(all.count == 20)
            }
            #expect(await eventually { reports.reports.count == 1 })
        }
    }
}
