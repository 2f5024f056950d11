// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import Greenlets
import Loops
import Measure

/// Runs the body as a greenlet of a loop that the calling thread drives.
private func onLoop(_ body: @escaping @Sendable () throws -> Void) throws {
    let loop = try IOLoop(name: "stress")
    defer { loop.stop() }
    try loop.run(until: Greenlet.spawn(on: loop, body))
}

private final class Figures: @unchecked Sendable {  // SAFETY: the greenlets of one loop share its thread.
    @exclusivity(unchecked) var snapshots: [Snapshot] = []
    @exclusivity(unchecked) var promises: [Promise<Int>] = []
    @exclusivity(unchecked) var count = 0

    func look() { snapshots.append(.now()) }
}

/// What can be warm is warm, and memory has its size, when a hundredth has been done.
private func warmUp(of count: Int) -> Int { max(count / 100, 10) }

/// Greenlets one after the other, each joined.
func spawnAndJoin(_ count: Int) throws -> [(String, Double)] {
    let figures = Figures()
    try onLoop {
        let first = warmUp(of: count)
        for _ in 0..<first { try Greenlet.spawn {}.join() }
        figures.look()
        for _ in first..<count { try Greenlet.spawn {}.join() }
        figures.look()
    }
    let (early, late) = (figures.snapshots[0], figures.snapshots[1])
    return [
        ("resident-early", Double(early.residentBytes)),
        ("resident-late", Double(late.residentBytes)),
        ("ns-each", Double(late.nanoseconds - early.nanoseconds) / Double(count - warmUp(of: count))),
    ]
}

/// Greenlets that are all alive at once, each parked on a future of its own, and all of them woken.
func parkMany(_ count: Int) throws -> [(String, Double)] {
    let figures = Figures()
    // As far apart as stacks are.
    let cost = Snapshot.pageFaultCost(of: count, apart: 256 << 10)
    try onLoop {
        try park(warmUp(of: 100_000), figures)
        figures.snapshots = []
        try park(count, figures)
    }
    let (start, parked, woken) = (figures.snapshots[0], figures.snapshots[1], figures.snapshots[2])
    func each(_ value: UInt64) -> Double { Double(value) / Double(count) }
    let spawn = each(parked.nanoseconds - start.nanoseconds)
    let faults = each(UInt64(parked.pageFaults - start.pageFaults))
    return [
        ("resident", Double(parked.residentBytes)),
        ("resident-each", Double(parked.residentBytes - start.residentBytes) / Double(count)),
        ("ns-spawn", spawn),
        ("faults-spawn", faults),
        ("ns-fault", cost),
        ("ns-spawn-net", spawn - faults * cost),
        ("ns-wake", each(woken.nanoseconds - parked.nanoseconds)),
        ("faults-wake", each(UInt64(woken.pageFaults - parked.pageFaults))),
    ]
}

private func park(_ count: Int, _ figures: Figures) throws {
    figures.promises.reserveCapacity(count)
    figures.count = 0
    figures.look()
    for number in 0..<count {
        Greenlet.spawn {
            let promise = Promise<Int>()
            figures.promises.append(promise)
            figures.count += try promise.future.wait()
        }
        if number % 128 == 0 { try Greenlet.yield() }
    }
    while figures.promises.count < count { try Greenlet.yield() }
    figures.look()
    for promise in figures.promises { promise.succeed(1) }
    while figures.count < count { try Greenlet.yield() }
    figures.look()
    figures.promises = []
}

/// Fibers one after the other; every second one is dropped while it is suspended.
func makeFibers(_ count: Int) throws -> [(String, Double)] {
    let figures = Figures()
    let thread = Thread {
        for number in 0..<count {
            if number == warmUp(of: count) { figures.look() }
            let fiber = Fiber<Int> { first in number % 2 == 0 ? first : try Fiber<Int>.main.switch(first) }
            figures.count += try fiber.switch(1)
        }
        figures.look()
    }
    try thread.join()
    guard figures.count == count else { throw RowError("a value was lost") }
    let (early, late) = (figures.snapshots[0], figures.snapshots[1])
    return [
        ("resident-early", Double(early.residentBytes)),
        ("resident-late", Double(late.residentBytes)),
        ("ns-each", Double(late.nanoseconds - early.nanoseconds) / Double(count - warmUp(of: count))),
    ]
}
