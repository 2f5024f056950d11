// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// A promise that a loop owes: it fails with `LoopClosed` when the loop stops first.
final class LoopPromise<Success: Sendable>: Sendable {
    private let promise: Promise<Success>
    private let closer = Lock<LoopTimer?>(nil)

    var future: Future<Success> { promise.future }

    init(_ label: String, on loop: any Loop, fileID: StaticString, line: UInt) {
        promise = Promise(label, fileID: fileID, line: line)
        // Not through an observer of the future: an error would then count as observed.
        let registered = loop.whenClosed { [promise, name = loop.name] in
            promise.tryComplete(.failure(LoopClosed(loop: name, operation: label)))
        }
        closer.withLock { $0 = registered }
    }

    func complete(_ outcome: Result<Success, any Error>) {
        release()
        promise.tryComplete(outcome)
    }

    /// Sets what a cancellation does; `stop` answers whether it stopped the work.
    func onCancel(_ stop: @escaping @Sendable () -> CancellationAnswer) {
        promise.onCancel(answering: { [self] in
            let answer = stop()
            if answer == .stopped { release() }
            return answer
        })
    }

    func askBeforeBlocking(_ question: @escaping @Sendable () -> BlockingAnswer) {
        promise._askBeforeBlocking(question)
    }

    private func release() {
        let closer = closer.withLock { $0.take() }
        closer?.cancel()
    }
}
