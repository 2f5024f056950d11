// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Foundation
import Futures
import QueueBridge

/// What happened, in order, from any thread.
final class Log<Entry: Sendable>: Sendable {
    private let entries = Futures.Lock<[Entry]>([])
    func add(_ entry: Entry) { entries.withLock { $0.append(entry) } }
    var all: [Entry] { entries.withLock { $0 } }
    var count: Int { all.count }
}

struct Oops: Error, Equatable {}

extension Future {
    /// The value of a future that has to be complete.
    var now: Success? { try? outcome?.get() }

    /// The error of a future that has to have failed.
    var failure: (any Error)? {
        if case .failure(let error)? = outcome { error } else { nil }
    }
}

/// The size of a stress test, smaller where a sanitizer slows it down.
func scaled(_ size: Int) -> Int { max(1, size / scaledInverse) }

/// By how much stress tests are to be smaller.
let scaledInverse = max(1, ProcessInfo.processInfo.environment["SWITCHYARD_STRESS_DIVISOR"].flatMap(Int.init) ?? 1)

/// Some of the numbers below `count` that are not there exactly once.
func difference(_ numbers: [Int], _ count: Int) -> [Int] {
    var times = Array(repeating: 0, count: count)
    for number in numbers { times[number] += 1 }
    return Array(times.indices.filter { times[$0] != 1 }.prefix(5))
}
