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
func scaled(_ size: Int) -> Int {
    let divisor = ProcessInfo.processInfo.environment["SWITCHYARD_STRESS_DIVISOR"].flatMap(Int.init) ?? 1
    return max(1, size / divisor)
}
