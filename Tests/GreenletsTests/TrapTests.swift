// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Testing

/// Which scope refused; nil if none did.
private func scope(_ body: () throws -> Void) -> SwitchForbidden.Scope? {
    do { try body() } catch { return (error as? SwitchForbidden)?.scope }
    return nil
}

@Suite("Forbidden waits and switches")
struct TrapTests {
    @Test(
        "S9: where blocking is forbidden a wait that would park throws and leaves nothing behind; yielding is allowed"
    )
    func blocks() async throws {
        try await onVirtualLoop { (loop) throws in
            let (order, promise) = (OrderRecorder(), Promise<Int>("the page"))
            let other = Greenlet.spawn(on: loop) { try forever.future.wait() }
            let greenlet = Greenlet.spawn(on: loop, name: "tested") {
                try Greenlet.forbiddingBlocks {
                    #expect(try Future.succeeded(1).wait() == 1)
                    for wait in [
                        { _ = try promise.future.wait() }, { _ = try promise.future.wait(timeout: .seconds(1)) },
                        { try other.join() }, { try Greenlet.sleep(for: .seconds(1)) }, { try Greenlet.await {} },
                    ] as [() throws -> Void] {
                        #expect(scope(wait) == .blocks)
                    }
                    let error = text { _ = try promise.future.wait() }
                    #expect(error.contains("tested would have waited for") && error.contains("the page"))
                    #expect(error.contains("forbiddingBlocks at GreenletsTests/TrapTests.swift:"))
                    try Greenlet.yield()
                    order.record("yielded")
                }
                try promise.future.wait(timeout: .seconds(1))
            }
            let neighbour = Greenlet.spawn(on: loop) {
                order.record("neighbour")
                try Greenlet.sleep(for: .milliseconds(1))
            }
            try loop.runUntilIdle()
            #expect(order.entries == ["neighbour", "yielded"])
            #expect(loop.pendingTimers == 2 && promise.future._observers == 1)
            #expect(throws: TimedOut.self) { try loop.run(until: greenlet) }
            try loop.run(until: neighbour)
            other.kill()
        }
    }

    @Test("S9: where switching is forbidden no other greenlet runs: waits and yields throw, completed waits do not")
    func switches() async throws {
        try await onVirtualLoop { (loop) throws in
            let ran = Counter()
            let greenlet = Greenlet.spawn(on: loop) { () throws -> Int in
                let value = try Greenlet.forbiddingSwitches { () throws -> Int in
                    Greenlet.spawn { ran.add() }
                    for wait in [
                        { try forever.future.wait() }, { try Greenlet.sleep(for: .seconds(1)) },
                        { try Greenlet.sleep(for: .zero) }, { try Greenlet.yield() },
                    ] as [() throws -> Void] {
                        #expect(scope(wait) == .switches)
                    }
                    return try Future.succeeded(7).wait()
                }
                #expect(ran.value == 0)
                try Greenlet.yield()
                #expect(ran.value == 1)
                return value
            }
            #expect(try loop.run(until: greenlet) == 7)
        }
    }

    @Test("S9: the scopes nest, end with an error as well, and concern the calling greenlet alone")
    func nesting() async throws {
        try await onVirtualLoop { (loop) throws in
            let greenlet = Greenlet.spawn(on: loop) {
                let outer = text {
                    try Greenlet.forbiddingSwitches {
                        let inner = text {
                            try Greenlet.forbiddingBlocks {
                                #expect(scope { try Greenlet.yield() } == .switches)
                                #expect(scope { try forever.future.wait() } == .blocks)
                                throw Oops(number: 2)
                            }
                        }
                        #expect(inner == "Oops(number: 2)")
                        #expect(scope { try Greenlet.yield() } == .switches)
                        #expect(scope { try forever.future.wait() } == .switches)
                        throw Oops(number: 1)
                    }
                }
                #expect(outer == "Oops(number: 1)")
                try Greenlet.yield()
                try Greenlet.forbiddingBlocks {
                    // The other one waits while this one must not.
                    Greenlet.spawn { try Greenlet.sleep(for: .milliseconds(1)) }.callback { _ in }
                    for _ in 0..<3 { try Greenlet.yield() }
                }
                try Greenlet.sleep(for: .milliseconds(2))
            }
            try loop.run(until: greenlet)
        }
    }

    @Test("S9: a kill comes before a refusal; outside of a greenlet nothing can be forbidden; a portal is a greenlet")
    func edges() async throws {
        try await onVirtualLoop { (loop) throws in
            let greenlet = Greenlet.spawn(on: loop) {
                try Greenlet.forbiddingSwitches {
                    Greenlet.current?.kill()
                    #expect(throws: GreenletExit.self) { try Greenlet.yield() }
                    #expect(scope { try Greenlet.yield() } == .switches)
                }
            }
            try loop.run(until: greenlet)
            #expect(throws: GreenletMisuse.self) { try Greenlet.forbiddingBlocks {} }
        }
        try await Greenlet.run {
            let ran = Counter()
            try Greenlet.forbiddingBlocks {
                #expect(scope { try Greenlet.await { ran.add() } } == .blocks)
                #expect(scope { try forever.future.wait() } == .blocks)
                try Greenlet.yield()
            }
            #expect(ran.value == 0)
            try Greenlet.await { ran.add() }
            #expect(ran.value == 1)
        }
    }
}
