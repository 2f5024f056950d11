// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CallbackBridge
import Futures

/// A C function with a callback and a context pointer.
final class CCallbackSource: Source {
    static let name = "C callback"

    private typealias Function = @convention(c) (_ value: Int, _ error: Int32, UnsafeMutableRawPointer?) -> Void

    /// What C keeps.
    @safe
    // SAFETY: a function, and a ticket that any thread may use.
    private struct Kept: @unchecked Sendable {
        let function: Function
        let context: UnsafeMutableRawPointer
    }

    private let legacy = Legacy<Kept>()
    let subject: Call<Int>

    init(_ bench: Bench) {
        subject = Call(bench.label) { [legacy] done in
            unsafe done.passContext { context in
                let kept = unsafe Kept(function: Self.arrive, context: context)
                done.onCancel { legacy.stop() }
                if let early = legacy.start(kept) { unsafe kept.function(early, 0, kept.context) }
            }
        }
    }

    private static let arrive: Function = { value, code, context in
        guard let done = unsafe CallbackContext<Int>.take(context) else { return }
        switch code {
        case 0: done.succeed(value)
        case CancelledInC.code: done.fail(CancellationError())
        default: done.fail(CellError())
        }
    }

    /// A context that was used names nobody: which cell it was is not told.
    static func secondReport(_ bench: Bench) -> String { "InteropMatrix/CCallbackSource" }

    var hasStarted: Bool { legacy.hasStarted }
    var wasStopped: Bool { legacy.wasStopped }

    func completeBefore(_ value: Int) { legacy.answer(atOnce: value) }

    func complete(_ outcome: Result<Int, any Error>) {
        guard let kept = legacy.callback else { return }
        switch outcome {
        case .success(let value): unsafe kept.function(value, 0, kept.context)
        case .failure(is CancellationError): unsafe kept.function(0, CancelledInC.code, kept.context)
        case .failure: unsafe kept.function(0, -1, kept.context)
        }
    }

    /// A C library that will not call says so by releasing the context.
    func drop() {
        if let kept = legacy.callback { _ = unsafe CallbackContext<Int>.release(kept.context) }
    }

    private enum CancelledInC { static let code: Int32 = 125 }
}
