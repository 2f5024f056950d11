// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// Runs what is posted when told to, or never.
final class ManualExecutor: CallbackExecutor {
    private let queue = Lock<[@Sendable () -> Void]>([])

    func post(_ work: @escaping @Sendable () -> Void) { queue.withLock { $0.append(work) } }

    func runAll() {
        let batch = queue.withLock { queue in
            defer { queue = [] }
            return queue
        }
        for work in batch { work() }
    }

    func dropAll() {
        let batch = queue.withLock { queue in
            defer { queue = [] }
            return queue
        }
        _ = consume batch
    }
}

/// Calls, recorded.
final class Recorder<Item: Sendable>: Sendable {
    private let state = Lock<[Item]>([])
    var items: [Item] { state.withLock { $0 } }
    func record(_ item: Item) { state.withLock { $0.append(item) } }
}

struct LegacyError: Error, Equatable {
    var code = 7
}
