// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

// The shape `fn + void *context`, called once.

extension Promise {
    /// Registers a C callback with a context that owns this promise, see ``CallbackContext``.
    ///
    /// - Cancellation: `cancel` is asked to undo the registration: `.stopped` promises that the callback will not be
    ///   called any more, so the context is released and the future ends cancelled; `.tooLate` leaves both to the call
    ///   that is coming. Without `cancel` the future ends cancelled at once, the context stays until the call, and that
    ///   call is swallowed. The other way, C code reports its own cancellation as a `CancellationError`.
    /// - Parameter register: Passes callback and context to C. If it throws, the context is released.
    public func passContext(
        cancel: (@Sendable (UnsafeMutableRawPointer) -> CancellationAnswer)? = nil,
        _ register: (UnsafeMutableRawPointer) throws -> Void
    ) rethrows {
        let context = CallbackContext(for: self)
        do {
            try unsafe register(context.pointer)
        } catch {
            context.release()
            throw error
        }
        guard let cancel = unsafe cancel else { return }
        onCancel(answering: {
            let answer = unsafe cancel(context.pointer)
            if answer == .stopped { context.cancel() }
            return answer
        })
    }
}
