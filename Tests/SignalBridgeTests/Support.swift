// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CSignals
import ConversionTesting
import Foundation
import Futures
import SignalBridge

/// What happened, in order, from any thread.
final class Log<Entry: Sendable>: Sendable {
    private let entries = Futures.Lock<[Entry]>([])
    func add(_ entry: Entry) { entries.withLock { $0.append(entry) } }
    var all: [Entry] { entries.withLock { $0 } }
    var count: Int { all.count }
}

struct Oops: Error, Equatable {}
