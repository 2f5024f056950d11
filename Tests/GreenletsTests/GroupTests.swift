// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Testing

@Suite("Groups, pools and scopes")
struct GroupTests {
    @Test("V27: a group joins and kills its members, once each; who has ended or was discarded is none")
    func group() async throws {
        try await onVirtualLoop { (loop) throws in
            let group = GreenletGroup(on: loop)
            let kills = Counter()
            let done = try group.spawn { 1 }
            let outsider = Greenlet.spawn(on: loop) { try Greenlet.sleep(for: .seconds(5)) }
            let discarded = try group.spawn { try Greenlet.sleep(for: .seconds(9)) }
            group.add(outsider)
            group.discard(discarded)
            #expect(group.count == 2 && group.contains(done) && !group.contains(discarded))
            let joiner = Greenlet.spawn(on: loop) {
                let late = #expect(throws: TimedOut.self) { try group.join(timeout: .seconds(1)) }
                #expect("\(late!)".contains("1 greenlets in a group"))
                try group.join()
                #expect(loop.now.nanoseconds == 5_000_000_000 && group.count == 0)
                for _ in 0..<3 {
                    try group.spawn {
                        do { try forever.future.wait() } catch {
                            kills.add()
                            throw error
                        }
                    }
                }
                try Greenlet.yield()
                group.kill()
                try group.kill(waiting: .seconds(1))
                #expect(kills.value == 3 && group.count == 0)
                try group.join()
            }
            try loop.run(until: joiner)
            #expect(!discarded.isDead)
        }
    }

    @Test("V27, EV8: joining a group from a member is refused; with throwing it has the first failure in time")
    func groupErrors() async throws {
        try await onVirtualLoop { (loop) throws in
            let group = GreenletGroup(on: loop)
            let member = try group.spawn { #expect(throws: GreenletMisuse.self) { try group.join() } }
            let joiner = Greenlet.spawn(on: loop) {
                for (seconds, number) in [(3, 3), (2, 2)] {
                    try group.spawn {
                        try Greenlet.sleep(for: .seconds(seconds))
                        throw Oops(number: number)
                    }.callback { _ in }
                }
                #expect(throws: Oops(number: 2)) { try group.join(throwing: true) }
                try group.join()
                #expect(try group.apply { 7 } == 7)
            }
            try loop.run(until: joiner)
            #expect(member.isDead)
        }
    }

    @Test("V27: a pool admits so many; who spawns waits for a place in the order of coming, or has PoolFull")
    func pool() async throws {
        try await onVirtualLoop { (loop) throws in
            let pool = try GreenletPool(size: 2, on: loop, name: "small")
            let (order, most) = (OrderRecorder(), Counter())
            let spawner = Greenlet.spawn(on: loop) {
                for number in 0..<6 {
                    try pool.spawn {
                        if pool.count > 2 { most.add() }
                        try Greenlet.sleep(for: .seconds(1))
                        order.record("\(number)")
                    }
                }
                #expect(pool.isFull && pool.freeCount == 0)
                let full = #expect(throws: PoolFull.self) { try pool.spawn(waiting: .zero) {} }
                #expect("\(full!)".contains("2 places of pool \"small\""))
                #expect(throws: PoolFull.self) { try pool.spawn(waiting: .milliseconds(10)) {} }
                try pool.whenAvailable().wait()
                try pool.join()
                #expect(pool.freeCount == 2 && loop.now.nanoseconds == 3_000_000_000)
                let other = Greenlet.spawn { try Greenlet.sleep(for: .seconds(1)) }
                for _ in 0..<2 { try pool.add(other, waiting: .zero) }
                #expect(throws: PoolFull.self) { try pool.add(other, waiting: .zero) }
                // Without a limit it takes a place that there is not: all three have to be given back.
                pool.add(other)
                #expect(pool.freeCount == 0)
                try pool.join()
                #expect(pool.freeCount == 2)
            }
            try loop.run(until: spawner)
            #expect(order.entries == (0..<6).map { "\($0)" } && most.value == 0)
            #expect(throws: GreenletMisuse.self) { try GreenletPool(size: -1) }
            let none = try GreenletPool(size: 0, on: loop)
            #expect(throws: PoolFull.self) { try none.spawn(waiting: .zero) {} }
        }
    }

    @Test("V27, EV8: a member that spawns when its pool is full runs the function itself, at once")
    func inline() async throws {
        try await onVirtualLoop { (loop) throws in
            let pool = try GreenletPool(size: 1, on: loop)
            let outer = try pool.spawn { () throws -> Bool in
                let me = Greenlet.current
                let inner = try pool.spawn { Greenlet.current === me }
                let failing = try pool.spawn { () throws -> Int in throw Oops() }
                #expect(throws: Oops.self) { try failing.wait() }
                return try pool.apply { Greenlet.current === me } && inner.wait() && inner.isDead
            }
            #expect(try loop.run(until: outer))
            try loop.runUntilIdle()
            #expect(pool.freeCount == 1)
        }
    }

    @Test("EV8: a pool grows for those who wait; when it shrinks those who run go on")
    func resize() async throws {
        try await onVirtualLoop { (loop) throws in
            let pool = try GreenletPool(size: 1, on: loop)
            let gate = Promise<Void>()
            let spawner = Greenlet.spawn(on: loop) {
                for _ in 0..<3 { try pool.spawn { try gate.future.wait() } }
            }
            try loop.runUntilIdle()
            #expect(pool.count == 1 && !spawner.isDead)
            try pool.resize(to: 3)
            try loop.runUntilIdle()
            #expect(pool.count == 3 && spawner.isDead)
            try pool.resize(to: 1)
            #expect(pool.size == 1 && pool.freeCount == 0 && pool.count == 3)
            gate.succeed(())
            try loop.runUntilIdle()
            #expect(pool.count == 0 && pool.freeCount == 1)
            #expect(throws: GreenletMisuse.self) { try pool.resize(to: -1) }
        }
    }

    @Test("V27, T24: who waits for a place and leaves at the moment he is given one takes none")
    func leaving() async throws {
        try await onVirtualLoop { (loop) throws in
            let pool = try GreenletPool(size: 1, on: loop)
            let gate = Promise<Void>()
            try pool.spawn { try gate.future.wait() }
            let ran = Counter()
            let waiting = (0..<3).map { _ in Greenlet.spawn(on: loop) { _ = try pool.spawn { ran.add() } } }
            try loop.runUntilIdle()
            waiting[0].kill()
            gate.succeed(())
            waiting[1].kill()
            try loop.runUntilIdle()
            #expect(pool.count == 0 && pool.freeCount == 1 && allDead(waiting))
            #expect(ran.value >= 1)
        }
    }

    @Test(
        "V28: map and imap keep the order of the elements, imapUnordered that of completion; an empty one ends at once"
    )
    func maps() async throws {
        try await onVirtualLoop { (loop) throws in
            let pool = try GreenletPool(size: 3, on: loop)
            let mapper = Greenlet.spawn(on: loop) {
                let work: @Sendable (Int) throws -> Int = { seconds in
                    try Greenlet.sleep(for: .seconds(seconds))
                    return seconds
                }
                let mapped = try pool.map([3, 1, 2], work)
                #expect(mapped == [3, 1, 2])
                let ordered = pool.imap([3, 1, 2], work)
                #expect(try taking(4, of: ordered) == [3, 1, 2, nil])
                let unordered = pool.imapUnordered([3, 1, 2], work)
                #expect(try taking(4, of: unordered) == [1, 2, 3, nil])
                #expect(try unordered.waitNext() == nil)
                let none = try pool.map([], work)
                #expect(none.isEmpty)
            }
            try loop.run(until: mapper)
        }
    }

    @Test(
        "V28: an error is thrown in its element's place and the iteration goes on; map ends there, and kills the rest"
    )
    func mapErrors() async throws {
        try await onVirtualLoop { (loop) throws in
            let pool = try GreenletPool(size: 2, on: loop)
            let mapper = Greenlet.spawn(on: loop) {
                let results = pool.imap(0..<4) { n throws -> Int in
                    if n == 1 { throw Oops(number: n) }
                    return n
                }
                #expect(try results.waitNext() == 0)
                #expect(throws: Oops(number: 1)) { try results.waitNext() }
                #expect(try taking(3, of: results) == [2, 3, nil])
                #expect(throws: Oops(number: 9)) {
                    try pool.map(0..<100) { n throws -> Int in
                        if n == 0 { throw Oops(number: 9) }
                        return try forever.future.wait()
                    }
                }
                try pool.join()
            }
            try loop.run(until: mapper)
        }
    }

    @Test("V28: the sequence is read only as far ahead as there is room for results; dropping these ends the work")
    func lazy() async throws {
        try await onVirtualLoop { (loop) throws in
            let pool = try GreenletPool(size: 10, on: loop)
            let read = Counter()
            let numbers = sequence(first: 0) { $0 + 1 }.lazy.map { n -> Int in
                read.add()
                return n
            }
            // SAFETY: one greenlet reads it.
            let endless = AnySequenceBox(Unchecked(numbers.makeIterator()))
            let reader = Greenlet.spawn(on: loop) {
                let results = pool.imap(endless, buffered: 3) { $0 }
                try Greenlet.sleep(for: .seconds(1))
                #expect(read.value <= 4)
                for n in 0..<5 { #expect(try results.waitNext() == n) }
                try Greenlet.sleep(for: .seconds(1))
                #expect(read.value <= 9)
            }
            try loop.run(until: reader)
            try loop.runUntilIdle()
            #expect(pool.count == 0)
            #expect(try loop.run(until: Hub.dump(of: loop)).hasPrefix("0 greenlets"))
        }
    }

    @Test("V28: results are taken by async code, too; a taker that times out loses none")
    func asyncResults() async throws {
        try await onLoop { loop in
            let pool = try GreenletPool(size: 4, on: loop)
            var all: [Int] = []
            for try await n in pool.imap(0..<100, buffered: 8, { $0 }) { all.append(n) }
            #expect(all == Array(0..<100))
            let gate = Promise<Void>()
            let results = pool.imap(0..<2) { n throws -> Int in
                try gate.future.wait()
                return n
            }
            await #expect(throws: TimedOut.self) { try await results.next().timeout(.milliseconds(1)).value }
            gate.succeed(())
            #expect(try await results.next().value == 0)
            #expect(try await results.next().value == 1)
        }
    }

    @Test("V16: a scope that ends joins its greenlets, and has the body's result")
    func scopeJoins() async throws {
        try await onVirtualLoop { (loop) throws in
            let order = OrderRecorder()
            let owner = Greenlet.spawn(on: loop) { () throws -> Int in
                let result = try Greenlet.scope { scope -> Int in
                    try scope.spawn {
                        try Greenlet.sleep(for: .seconds(2))
                        order.record("child")
                        try scope.spawn { order.record("grandchild") }
                    }
                    return try scope.spawn { 7 }.wait()
                }
                order.record("over")
                return result
            }
            #expect(try loop.run(until: owner) == 7)
            #expect(order.entries == ["child", "grandchild", "over"])
        }
    }

    @Test("V16: an error of the body, and a kill of the owner, kill the greenlets of the scope; nobody outlives it")
    func scopeFails() async throws {
        try await onVirtualLoop { (loop) throws in
            let cleaned = Counter()
            let child: @Sendable () throws -> Void = {
                defer { cleaned.add() }
                try forever.future.wait()
            }
            let failing = Greenlet.spawn(on: loop) {
                try Greenlet.scope { scope in
                    for _ in 0..<2 { try scope.spawn(child) }
                    try Greenlet.yield()
                    throw Oops(number: 1)
                }
            }
            #expect(throws: Oops(number: 1)) { try loop.run(until: failing) }
            #expect(cleaned.value == 2)
            let killed = Greenlet.spawn(on: loop) {
                try Greenlet.scope { scope in
                    for _ in 0..<2 { try scope.spawn(child) }
                }
            }
            try loop.runUntilIdle()
            killed.kill()
            #expect(throws: CancellationError.self) { try loop.run(until: killed) }
            #expect(cleaned.value == 4)
        }
    }

    @Test("V16: the failure of one greenlet kills the others and is thrown at the owner's wait, and by the scope")
    func scopeInterrupts() async throws {
        try await onVirtualLoop { (loop) throws in
            let cleaned = Counter()
            let owner = Greenlet.spawn(on: loop) { () throws -> Bool in
                var inside: (any Error)?
                do {
                    try Greenlet.scope { scope in
                        try scope.spawn {
                            defer { cleaned.add() }
                            try forever.future.wait()
                        }
                        try scope.spawn {
                            try Greenlet.sleep(for: .seconds(1))
                            throw Oops(number: 4)
                        }
                        do { try forever.future.wait() } catch { inside = error }
                    }
                } catch let error as Oops {
                    // Nothing of it is left for later waits.
                    try Greenlet.sleep(for: .seconds(1))
                    return error.number == 4 && inside as? Oops == error && cleaned.value == 1
                }
                return false
            }
            #expect(try loop.run(until: owner))
        }
    }

    @Test(
        "V16: a killed greenlet is no failure of its scope; a plain thread has one, too; a scope that is over is closed"
    )
    func scopeEdges() async throws {
        let escaped = try await onThread { () throws -> GreenletScope in
            try Greenlet.scope { scope in
                let child = try scope.spawn { try forever.future.wait() }
                child.kill()
                return scope
            }
        }
        #expect(throws: GreenletMisuse.self) { try escaped.spawn {} }
        await #expect(throws: Oops(number: 6)) {
            try await onThread { try Greenlet.scope { scope in try scope.spawn { throw Oops(number: 6) } } }
        }
    }
}

private func taking(_ count: Int, of results: GroupResults<Int>) throws -> [Int?] {
    var all: [Int?] = []
    for _ in 0..<count { all.append(try results.waitNext()) }
    return all
}

/// A sequence that one reader iterates.
private struct AnySequenceBox<Base: IteratorProtocol>: Sequence, Sendable {
    let base: Unchecked<Base>
    init(_ base: Unchecked<Base>) { self.base = base }
    func makeIterator() -> Base { base.value }
}
