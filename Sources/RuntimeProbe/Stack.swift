// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

package import CStackSwitch

/// A context with a Swift body: the least that is needed to try the C module out, without scheduling.
///
/// Everything happens on one carrier thread.
@safe
package final class Stack {
    package typealias Body = (Stack) -> Void

    private let context: UnsafeMutablePointer<sy_context>
    private var body: Body?

    /// A stack on the calling thread, which must be a carrier.
    package init(size: Int = 0, _ body: @escaping Body) {
        self.body = body
        let carrier = unsafe sy_carrier_current()!
        let entry: sy_entry = { argument in
            // SAFETY: `enter` passes on the reference retained below, once.
            unsafe Unmanaged<Stack>.fromOpaque(argument!).takeRetainedValue().run()
        }
        // The reference is the running body's; it is retained when the body starts.
        unsafe context = sy_context_create(carrier, size, entry, nil)!
        // SAFETY: balanced by `takeRetainedValue` in the entry, or by `deinit` never being reached: see `discard`.
        unsafe context.pointee.argument_ = Unmanaged.passUnretained(self).toOpaque()
        unsafe sy_context_set_exit_target(context, sy_carrier_root(carrier), nil)
    }

    deinit {
        unsafe sy_context_destroy(context)
    }

    private func run() {
        let body = self.body!
        self.body = nil
        body(self)
    }

    package var isFinished: Bool { unsafe sy_context_is_finished(context) }
    package var isFresh: Bool { unsafe sy_context_is_fresh(context) }

    /// The C context.
    package var pointer: UnsafeMutablePointer<sy_context> { unsafe context }

    /// Runs the body from whatever is running now up to its next park or its end.
    ///
    /// - Parameter hosted: whether the body runs as part of the current job, as in a portal.
    package func enter(hosted: Bool = false) {
        let carrier = unsafe context.pointee.carrier
        if isFresh {
            // SAFETY: consumed by the entry, which the switch below starts.
            _ = unsafe Unmanaged.passUnretained(self).retain()
        }
        if hosted {
            let host = unsafe sy_runtime_current_words()
            unsafe sy_context_set_host(context, host.task, host.tracking)
        }
        unsafe sy_context_switch(sy_carrier_running(carrier), context, nil)
    }

    /// Leaves the body, which must be running, for the carrier's own stack.
    package func park() {
        unsafe sy_context_switch(context, sy_carrier_root(context.pointee.carrier), nil)
    }

    /// Leaves the body for another stack, straight.
    package func switchTo(_ other: Stack) {
        if other.isFresh {
            // SAFETY: as in `enter`.
            _ = unsafe Unmanaged.passUnretained(other).retain()
        }
        unsafe sy_context_switch(context, other.context, nil)
    }
}

/// Runs `body` with the calling thread attached as a carrier.
package func withCarrier<Result>(_ body: () throws -> Result) rethrows -> Result {
    let carrier = unsafe sy_carrier_attach()!
    defer { unsafe sy_carrier_detach(carrier) }
    return try body()
}

/// The task that is current as far as the runtime is concerned.
package func currentTask() -> UInt {
    UInt(bitPattern: unsafe sy_runtime_current_task())
}
