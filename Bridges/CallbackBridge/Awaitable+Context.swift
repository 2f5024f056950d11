// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures
import Synchronization

// The way back, shape `fn + void *context`.

extension Awaitable where Success: Sendable {
    /// Calls a C function that came with a context, once.
    ///
    ///     fetch(url).callback(on: loop, context: context) { outcome, context in
    ///         done(try? outcome.get(), context)
    ///     }
    ///
    /// *Ownership.* Without `release` the context stays the caller's, who keeps it alive until the call or an accepted
    /// cancellation. With `release` it is ours: released once, after the call, or as soon as the call can no longer come.
    ///
    /// - Executor: `body` runs on `executor`; without one, where the source completes, possibly before this method
    ///   returns. If the executor throws the call away, it comes in the background, with `LoopClosed`. `release` runs after
    ///   it, or on the thread that withdrew.
    /// - Cancellation: As in ``callback(on:as:_:)``.
    /// - Parameter body: Passes the outcome to the C function, in that function's own shape.
    @discardableResult
    public func callback(
        on executor: (any CallbackExecutor)? = nil,
        context: UnsafeMutableRawPointer?,
        release: (@Sendable (UnsafeMutableRawPointer?) -> Void)? = nil,
        _ body: @escaping @Sendable (Result<Success, any Error>, UnsafeMutableRawPointer?) -> Void
    ) -> Registration {
        let foreign = unsafe ForeignContext(context, release: release)
        let registration = callback(on: executor) { outcome in
            unsafe body(outcome, foreign.pointer)
            foreign.release()
        }
        return Registration(
            withdraw: {
                guard registration.withdraw() else { return false }
                foreign.release()
                return true
            },
            cancel: {
                let answer = registration.cancel()
                if answer == .stopped { foreign.release() }
                return answer
            }
        )
    }
}

/// The context a legacy caller gave us, and the duty to release it.
@safe
// SAFETY: immutable; what the pointer refers to is touched by the caller's own functions only, one after the other.
private final class ForeignContext: @unchecked Sendable {
    let pointer: UnsafeMutableRawPointer?
    private let releaser: (@Sendable (UnsafeMutableRawPointer?) -> Void)?
    private let isReleased = Atomic<Bool>(false)

    init(_ pointer: UnsafeMutableRawPointer?, release: (@Sendable (UnsafeMutableRawPointer?) -> Void)?) {
        unsafe self.pointer = pointer
        unsafe releaser = release
    }

    func release() {
        guard let releaser = unsafe releaser, !isReleased.exchange(true, ordering: .relaxed) else { return }
        unsafe releaser(pointer)
    }

    deinit {
        guard let releaser = unsafe releaser, !isReleased.load(ordering: .relaxed) else { return }
        // Nothing that begins in a deinit runs user code on its stack.
        let address = unsafe UInt(bitPattern: pointer)
        Drain.shared.post { unsafe releaser(UnsafeMutableRawPointer(bitPattern: address)) }
    }
}
