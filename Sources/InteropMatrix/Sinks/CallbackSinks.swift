// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CallbackBridge
import Futures

/// A closure that gets a `Result`, on a loop.
enum CallbackSink: Sink {
    static let name = "callback"

    static func attach(_ subject: some Awaitable<Int>, _ probe: Probe) -> Attachment {
        let registration = subject.inContext(probe.bench.context).callback(on: probe.bench.loop) { probe.receive($0) }
        return Attachment(told: nil) { registration.cancel() }
    }
}

/// A legacy caller's callback of the shape `(T?, Error?)`, on a loop.
enum ShapeSink: Sink {
    static let name = "(T?, Error?)"

    static func attach(_ subject: some Awaitable<Int>, _ probe: Probe) -> Attachment {
        let callback: @Sendable (Int?, (any Error)?) -> Void = { value, error in
            probe.receive(error.map { .failure($0) } ?? .success(value ?? -1))
        }
        let registration = subject.inContext(probe.bench.context)
            .callback(on: probe.bench.loop, as: .valueOrError, callback)
        return Attachment(told: nil) { registration.cancel() }
    }
}

/// A C caller's function and context pointer, on a loop.
enum CSink: Sink {
    static let name = "C callback"

    static func attach(_ subject: some Awaitable<Int>, _ probe: Probe) -> Attachment {
        // SAFETY: released below, once.
        let context = unsafe Unmanaged.passRetained(probe).toOpaque()
        let registration = unsafe subject.inContext(probe.bench.context).callback(
            on: probe.bench.loop,
            context: context,
            release: { unsafe Unmanaged<Probe>.fromOpaque($0!).release() },
            { outcome, context in unsafe Unmanaged<Probe>.fromOpaque(context!).takeUnretainedValue().receive(outcome) }
        )
        return Attachment(told: nil) { registration.cancel() }
    }
}
