// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Loops
import Testing

@Suite("Waiting around loops")
struct WaitingTests {
    @Test("K1: a wait can be repeated and answers the same; after a timeout a later one may still succeed")
    func repeatable() async throws {
        try await withLoop { loop in
            try await onThread { () throws -> Void in
                let promise = Promise<Int>()
                for _ in 0..<2 {
                    #expect(throws: TimedOut.self) { try promise.future.wait(timeout: .milliseconds(1)) }
                }
                loop.post { promise.succeed(5) }
                for _ in 0..<3 { #expect(try promise.future.wait() == 5) }
                let failed = loop.submit { throw Oops("again and again") }
                for _ in 0..<3 { #expect(throws: Oops.self) { try failed.wait() } }
            }
        }
    }

    @Test("K2, B4, C12, AG1: waiting on the loop's own thread throws at once, unless the outcome is there")
    func ownThread() async throws {
        try await withLoop("busy one") { loop in
            let promise = Promise<Int>()
            let refusals = try await loop.submit {
                [nil, Duration.zero, .seconds(1000)].map { timeout in
                    do { return "\(try promise.future.wait(timeout: timeout))" } catch { return "\(error)" }
                }
            }.value
            for refusal in refusals {
                #expect(refusal.contains("WouldDeadlock"))
                #expect(refusal.contains("busy one"))
            }
            promise.succeed(3)
            #expect(try await loop.submit { try promise.future.wait() }.value == 3)
        }
    }

    @Test("AG1: blocking on a plain thread works, also in a catch block, a closure and a method; in a task it throws")
    func plainThread() async throws {
        try await withLoop { loop in
            struct Caller {
                let loop: IOLoop
                func call() throws -> Int { try loop.submit { 1 }.wait() }
            }
            let sum = try await onThread {
                var sum = try Caller(loop: loop).call()
                do { throw Oops("to be caught") } catch { sum += try loop.submit { 10 }.wait() }
                return try [100, 1000].reduce(sum) { sum, number in try sum + loop.submit { number }.wait() }
            }
            #expect(sum == 1111)
            let pending = Promise<Int>()
            func inTask() throws -> Int { try pending.future.wait() }
            let refusal = #expect(throws: WouldDeadlock.self) { try inTask() }
            #expect(refusal?.place == .task)
            pending.succeed(1)
        }
    }

    @Test("AG4: a refused wait leaves nothing behind: the next legal one works, on the same thread too")
    func nothingLeftBehind() async throws {
        try await onThread {
            let loop = try IOLoop()
            defer { loop.stop() }
            let promise = Promise<Int>()
            loop.post {
                #expect(throws: WouldDeadlock.self) { try promise.future.wait() }
                promise.succeed(1)
            }
            #expect(try loop.run(until: promise.future) == 1)
            let other = Promise<Int>()
            Task.detached { other.succeed(2) }
            #expect(try other.future.wait() == 2)
        }
    }

    @Test("K11, C12: one result may be waited for from many threads at once, and all see the same")
    func manyWaiters() async throws {
        try await withLoop { loop in
            let promise = Promise<Int>()
            let waiting = Counter()
            let outcomes = try await withThrowingTaskGroup { group in
                for _ in 0..<16 {
                    group.addTask {
                        try await onThread {
                            waiting.add()
                            return try promise.future.wait()
                        }
                    }
                }
                _ = await eventually { waiting.value == 16 }
                loop.post { promise.succeed(11) }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes == Array(repeating: 11, count: 16))
        }
    }

    @Test("K9: a slow reporter, and one that causes reports itself, hold up neither a loop nor a timer without one")
    func slowReporter() async {
        // In a process of its own: the one reporter of the others must not be slow.
        await #expect(processExitsWith: .success) {
            try await withLoop { loop async throws -> Void in
                let reports = OrderRecorder()
                let leave = Cell(false)
                Reporter.replace { report in
                    if "\(report)".contains("reported slowly") {
                        Reporter.report(.message("a report from a reporter"))
                        reports.record("slow, and let go: \(blockUntil { leave.value })")
                    } else {
                        reports.record("\(report)")
                    }
                }
                Reporter.report(.message("reported slowly"))
                _ = try await loop.submit {}.value
                try await Future.sleep(for: .milliseconds(1)).value
                precondition(reports.count == 0)
                leave.value = true
                let isOver = await eventually { reports.count == 1 }
                precondition(isOver && reports.entries == ["slow, and let go: true"])
            }
        }
    }

    @Test("T16: an observer that throws is reported, and the loop goes on with the next one")
    func observerThrows() async throws {
        let reports = ReportCollector(containing: "observer-oops-3")
        try await withLoop { loop async throws -> Void in
            let promise = Promise<Int>()
            let seen = Promise<Int>()
            promise.future.callback(on: loop) { _ in throw Oops("observer-oops-3") }
            promise.future.callback(on: loop) { outcome in seen.complete(with: outcome) }
            promise.succeed(8)
            #expect(try await seen.future.value == 8)
        }
        #expect(await reports.settledReports().count == 1)
    }

    @Test("K5: an error on a loop that nobody waited for, or whose waiter had given up, is reported once")
    func unobserved() async throws {
        let reports = ReportCollector(containing: "nobody-waited-5")
        try await withLoop { loop in
            _ = loop.submit { throw Oops("nobody-waited-5") }
            _ = try await loop.submit {}.value
            #expect(await eventually { reports.reports.count == 1 })
        }
    }
}
