// What happens when the legacy function never calls back.

import Switchyard

// snippet.hide
final class LegacyQueue: Sendable {
    static let shared = LegacyQueue()
    let kept = Future<Void>.sleep(for: .seconds(60))
}

/// Throws its callback away.
func legacyForget(_ completion: @escaping @Sendable (String?, (any Error)?) -> Void) {}

/// Keeps its callback for a minute.
func legacyStall(_ completion: @escaping @Sendable (String?, (any Error)?) -> Void) {
    LegacyQueue.shared.kept.callback { _ in completion("late", nil) }
}
// snippet.show

func dropped() async {
    // snippet.dropped
    let call = Call<String> { done in legacyForget { body, error in done.complete(body, error: error) } }
    do { print(try await call.value) } catch { print(error) }  // BrokenPromise: …, at once
    // snippet.end
}

// snippet.stalled
func stalled() async {
    let call = Call<String> { done in legacyStall { body, error in done.complete(body, error: error) } }
    do {
        print(try await call.timeout(.milliseconds(50)).value)
    } catch {
        print(error)  // TimedOut: … did not complete within 0.05 seconds …
    }
}
// snippet.end

// snippet.hide
@main
enum CallbackNeverCalled {
    static func main() async {
        await dropped()
        await stalled()
    }
}
