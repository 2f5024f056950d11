// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Testing

@Suite("Piles")
struct PileTests {
    @Test("EV8: a pile has the results in the order of spawning, an error in its place; an empty one ends at once")
    func order() async throws {
        try await onVirtualLoop { (loop) throws in
            let pile = try GreenletPile<Int>(size: 3, on: loop)
            let user = Greenlet.spawn(on: loop) {
                #expect(try pile.waitNext() == nil)
                for seconds in [3, 1, 2] {
                    try pile.spawn {
                        try Greenlet.sleep(for: .seconds(seconds))
                        if seconds == 1 { throw Oops(number: seconds) }
                        return seconds
                    }
                }
                #expect(pile.count == 3)
                #expect(try pile.waitNext() == 3)
                #expect(throws: Oops(number: 1)) { try pile.waitNext() }
                #expect(try pile.waitNext() == 2)
                #expect(try pile.waitNext() == nil && pile.count == 0)
                try pile.spawn { 4 }
                #expect(try pile.waitNext() == 4)
                #expect(try pile.waitNext() == nil)
            }
            try loop.run(until: user)
        }
    }

    @Test("EV8: a spawn that finds no place in time, or is killed, leaves the pile as it was; piles share a pool")
    func sharing() async throws {
        try await onVirtualLoop { (loop) throws in
            let pool = try GreenletPool(size: 1, on: loop)
            let (first, second) = (GreenletPile<Int>(in: pool), GreenletPile<String>(in: pool))
            let user = Greenlet.spawn(on: loop) {
                let gate = Promise<Void>()
                try first.spawn {
                    try gate.future.wait()
                    return 1
                }
                #expect(throws: PoolFull.self) { try second.spawn(waiting: .zero) { "a" } }
                #expect(throws: PoolFull.self) { try second.spawn(waiting: .seconds(1)) { "b" } }
                #expect(try second.waitNext() == nil && second.count == 0)
                let killed = Greenlet.spawn { _ = try second.spawn { "c" } }
                try Greenlet.yield()
                #expect(second.count == 1)
                killed.kill()
                try killed.join()
                let waiting = Greenlet.spawn { _ = try second.spawn { "d" } }
                try Greenlet.yield()
                // Who asks while somebody spawns waits for what he spawns.
                let asking = Greenlet.spawn { try second.waitNext() }
                try Greenlet.yield()
                gate.succeed(())
                #expect(try asking.wait() == "d")
                try waiting.wait()
                #expect(try first.waitNext() == 1)
                #expect(try first.waitNext() == nil && second.waitNext() == nil)
            }
            try loop.run(until: user)
        }
    }

    @Test("EV8: who spawns more than there is room for results waits until somebody takes one")
    func room() async throws {
        try await onVirtualLoop { (loop) throws in
            let pile = try GreenletPile<Int>(size: 10, buffered: 2, on: loop)
            let spawned = Counter()
            let spawner = Greenlet.spawn(on: loop) {
                for n in 0..<6 {
                    try pile.spawn { n }
                    spawned.add()
                }
            }
            try loop.runUntilIdle()
            #expect(spawned.value == 2 && pile.count == 3)
            let taker = Greenlet.spawn(on: loop) { () throws -> [Int] in
                let full = #expect(throws: PoolFull.self) { try pile.spawn(waiting: .zero) { 9 } }
                #expect("\(full!)".contains("a pile on a pool of greenlets"))
                var all: [Int] = []
                while let next = try pile.waitNext() {
                    all.append(next)
                    try Greenlet.sleep(for: .seconds(1))
                    #expect(spawned.value <= all.count + 2)
                }
                return all
            }
            #expect(try loop.run(until: taker) == Array(0..<6))
            try loop.run(until: spawner)
        }
    }

    @Test(
        "EV8: a pile is read by async code; a taker that times out loses nothing; a dropped pile leaves its greenlets"
    )
    func styles() async throws {
        try await onLoop { loop in
            let gate = Promise<Void>()
            let pile = try GreenletPile<Int>(size: 4, on: loop)
            for n in 0..<3 {
                try await onThread {
                    _ = try pile.spawn {
                        try gate.future.wait()
                        return n
                    }
                }
            }
            await #expect(throws: TimedOut.self) { try await pile.next().timeout(.milliseconds(1)).value }
            gate.succeed(())
            var all: [Int] = []
            for try await n in pile { all.append(n) }
            #expect(all == [0, 1, 2])
            let again = Promise<Void>()
            let orphan = try await onThread {
                let other = try GreenletPile<Int>(size: 1, on: loop)
                return try other.spawn {
                    try again.future.wait()
                    return 5
                }
            }
            again.succeed(())
            #expect(try await orphan.value == 5)
        }
    }
}
