// Signals: reload on SIGHUP, end on SIGTERM or Ctrl-C, and a wait that Ctrl-C interrupts.

import Switchyard

// snippet.handlers
/// Installs what the program does about signals: an error here names who else holds one.
func installHandlers(on loop: IOLoop, reload: @escaping @Sendable () throws -> Void) throws -> [Subscription] {
    [
        // Blocking code, in a fresh greenlet for each delivery.
        Signal.hangup.spawn(on: loop) { _ in try reload() },
        // A callback on the loop.
        try Signal.user1.handle(on: loop) { delivery in print("\(delivery), the kernel says") },
    ]
}
// snippet.end

// snippet.once
/// Waits for one of two signals, in async code.
func untilAskedToStop() async throws -> Signal {
    try await Signals.source(.terminate, .interrupt).next().value.signal
}
// snippet.end

// snippet.interrupt
/// Blocks for the outcome, unless Ctrl-C comes first: the run is cancelled then.
func patiently(_ job: Call<String>) throws -> String? {
    do { return try job.wait(interruptedBy: .interrupt) } catch is Interrupted { return nil }
}
// snippet.end

// snippet.hide
@main
enum HandleSignals {
    static func main() async throws {
        let reloaded = Promise<Void>()
        let handlers = try installHandlers(on: .shared) { reloaded.tryComplete(.success(())) }
        try Signal.hangup.raise()
        try await reloaded.future.value
        async let stop = untilAskedToStop()
        let other = try Signal.terminate.handle { _ in }
        try Signal.terminate.raise()
        // Until it has come: the first may have been sent before anybody listened.
        let again = Task {
            while !Task.isCancelled { try Signal.terminate.raise(); try await Task.sleep(for: .milliseconds(1)) }
        }
        print(try await stop)
        again.cancel()
        _ = await again.result
        print(try await Greenlet.spawn { try patiently(Call { $0.succeed("done") }) }.value ?? "interrupted")
        for handler in handlers + [other] { handler.cancel() }
    }
}
