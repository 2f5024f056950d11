// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Testing

@Suite("Limits of a scope")
struct TimeoutTests {
    @Test("V17: a limit that runs out is thrown at the wait in progress, as itself; the scope's other waits count, too")
    func runsOut() async throws {
        try await onVirtualLoop { (loop) throws in
            let greenlet = Greenlet.spawn(on: loop) { () throws -> Bool in
                let limit = Timeout(.seconds(3))
                #expect(!limit.isPending)
                try limit.start()
                #expect(limit.isPending)
                try Greenlet.sleep(for: .seconds(2))
                do { try forever.future.wait() } catch let error as Timeout {
                    #expect(error === limit && !limit.isPending)
                    return loop.now.nanoseconds == 3_000_000_000
                }
                return false
            }
            #expect(try loop.run(until: greenlet))
            #expect(loop.pendingTimers == 0)
        }
    }

    @Test("V17: nested limits are told apart by identity, whichever runs out first, also of the same length")
    func nested() async throws {
        try await onVirtualLoop { (loop) throws in
            for (outer, inner) in [(1, 2), (2, 1), (1, 1)] {
                let greenlet = Greenlet.spawn(on: loop) { () throws -> String in
                    try Greenlet.withTimeout(.seconds(outer), fallback: "outer") {
                        try Greenlet.withTimeout(.seconds(inner), fallback: "inner") {
                            _ = try forever.future.wait()
                            return "none"
                        }
                    }
                }
                #expect(try loop.run(until: greenlet) == (inner < outer ? "inner" : "outer"))
                #expect(loop.pendingTimers == 0)
            }
        }
    }

    @Test("V17: two limits and a kill that come before the next wait are all thrown, the kill first and none lost")
    func together() async throws {
        try await onVirtualLoop { (loop) throws in
            let order = OrderRecorder()
            let greenlet = Greenlet.spawn(on: loop) {
                let limits = [Timeout(.zero), Timeout(.zero)]
                for limit in limits { try limit.start() }
                Greenlet.current!.kill()
                for _ in 0..<3 {
                    do { try Greenlet.yield() } catch let error as Timeout {
                        order.record(error === limits[0] ? "first" : "second")
                    } catch { order.record("\(type(of: error))") }
                }
                try Greenlet.yield()
                order.record("none is left")
            }
            try loop.run(until: greenlet)
            #expect(order.entries == ["GreenletExit", "first", "second", "none is left"])
        }
    }

    @Test("V17: a limit that is cancelled is not thrown any more, not even if it has run out meanwhile")
    func cancelled() async throws {
        try await onVirtualLoop { (loop) throws in
            let promise = Promise<Int>()
            let shared = Promise<Timeout>()
            let greenlet = Greenlet.spawn(on: loop) { () throws -> Int in
                let limit = Timeout(.seconds(1))
                try limit.start()
                shared.succeed(limit)
                defer { limit.cancel() }
                return try promise.future.wait()
            }
            // At the same instant the limit runs out, somebody ends it, and the value comes.
            _ = loop.schedule(at: LoopInstant(nanoseconds: 1_000_000_000)) {
                try? shared.future.outcome?.get().cancel()
            }
            try loop.advance(by: .seconds(2))
            promise.succeed(7)
            #expect(try loop.run(until: greenlet) == 7)
            let later = Greenlet.spawn(on: loop) { () throws -> Int in
                _ = try Greenlet.withTimeout(.zero) { _ in 1 }
                try Greenlet.yield()
                return 2
            }
            #expect(try loop.run(until: later) == 2)
        }
    }

    @Test("V17: no limit never runs out; an own error takes the limit's place; zero runs out at the next wait")
    func forms() async throws {
        try await onVirtualLoop { (loop) throws in
            let greenlet = Greenlet.spawn(on: loop) {
                let endless = try Greenlet.withTimeout(nil) { limit in
                    #expect(limit.isPending)
                    try Greenlet.sleep(for: .seconds(1_000))
                    return 1
                }
                #expect(endless == 1)
                #expect(throws: Oops(number: 5)) {
                    try Greenlet.withTimeout(.seconds(1), throwing: Oops(number: 5)) { _ in try forever.future.wait() }
                }
                #expect(try Greenlet.withTimeout(.zero, fallback: 3) { 2 } == 2)
                #expect(
                    try Greenlet.withTimeout(.zero, fallback: 3) {
                        try Greenlet.yield()
                        return 2
                    } == 3
                )
            }
            try loop.run(until: greenlet)
        }
    }

    @Test("V17: the limit of a scope and that of a single wait do not take each other's place")
    func besideWaits() async throws {
        try await onVirtualLoop { (loop) throws in
            let greenlet = Greenlet.spawn(on: loop) {
                try Greenlet.withTimeout(.seconds(10)) { _ in
                    #expect(throws: TimedOut.self) { try forever.future.wait(timeout: .seconds(1)) }
                }
                #expect(throws: Timeout.self) {
                    try Greenlet.withTimeout(.seconds(1)) { _ in try forever.future.wait(timeout: .seconds(10)) }
                }
            }
            try loop.run(until: greenlet)
            #expect(loop.now.nanoseconds == 2_000_000_000)
        }
    }

    @Test("V17: a limit needs a greenlet and runs once at a time; elsewhere it is refused with what to do")
    func misuse() async throws {
        let error = try await onThread {
            #expect(throws: GreenletMisuse.self) { try Greenlet.withTimeout(.seconds(1)) { _ in } }
        }
        #expect("\(error!)".contains("wait(timeout:)"))
        try await onVirtualLoop { (loop) throws in
            let greenlet = Greenlet.spawn(on: loop) {
                let limit = Timeout(.seconds(1))
                try limit.start()
                #expect(throws: GreenletMisuse.self) { try limit.start() }
                limit.cancel()
                try limit.start()
                limit.cancel()
            }
            try loop.run(until: greenlet)
        }
    }

    @Test("V17: in a portal a limit is thrown as in a greenlet")
    func portal() async throws {
        try await onLoop { loop in
            let text = try await Greenlet.run(on: loop) {
                try Greenlet.withTimeout(.milliseconds(1), fallback: "late") {
                    _ = try forever.future.wait()
                    return "never"
                }
            }
            #expect(text == "late")
        }
    }

    @Test("V17: a limit whose greenlet ended within it holds nothing and throws at nobody")
    func dead() async throws {
        let ended = Counter()
        try await onVirtualLoop { (loop) throws in
            let limit = Timeout(.seconds(1))
            do {
                let greenlet = Greenlet.spawn(on: loop) { [sentinel = Sentinel(ended)] in
                    sentinel.use()
                    try limit.start()
                }
                try loop.run(until: greenlet)
            }
            try loop.advance(by: .seconds(2))
            limit.cancel()
            #expect(!limit.isPending && ended.value == 1)
        }
    }
}
