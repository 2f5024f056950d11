// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
import Loops

/// Work and who posted it.
struct Posted: Sendable {
    var work: LoopWork
    let poster: UInt

    /// The task, else the greenlet, else the thread that calls.
    static var currentPoster: UInt {
        if let task = unsafe sy_current_task() { return UInt(bitPattern: task) }
        if let parker = unsafe sy_thread_current().pointee.parker { return UInt(bitPattern: parker) }
        // Not an address, which the next thread may get again.
        return UInt(sy_thread_number())
    }
}

/// Interleaves the work of different posters, as its seed says.
struct Shuffle {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// SplitMix64: small, and the same on every platform.
    private mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// The same work, in which each poster's keeps its order.
    mutating func interleave(_ work: [Posted]) -> [Posted] {
        guard work.count > 1 else { return work }
        // Posters are told apart by address, but numbered by appearance: addresses differ from run to run.
        var numbers: [UInt: Int] = [:]
        var lines: [[Posted]] = []
        for posted in work {
            let number = numbers[posted.poster] ?? lines.count
            if number == lines.count {
                numbers[posted.poster] = number
                lines.append([])
            }
            lines[number].append(posted)
        }
        var heads = Array(repeating: 0, count: lines.count)
        var open = Array(lines.indices)
        var result: [Posted] = []
        result.reserveCapacity(work.count)
        while !open.isEmpty {
            let pick = Int(next() % UInt64(open.count))
            let line = open[pick]
            result.append(lines[line][heads[line]])
            heads[line] += 1
            if heads[line] == lines[line].count { open.remove(at: pick) }
        }
        return result
    }
}
