// Async functions: for callers of every other style, and with everything else awaited in them.

// snippet.hide
import Switchyard

func page(_ name: String) async throws -> String {
    try await Task.sleep(for: .milliseconds(1))
    return "<p>\(name)</p>"
}
// snippet.show

// snippet.out
/// An async function, prepared for callers of any style: each verb is a task of its own.
func pageCall(_ name: String) -> Call<String> { Call(async: { try await page(name) }) }

func everyStyle() async throws {
    pageCall("a").callback { outcome in print(outcome) }  // a callback; cancelling its registration cancels the task
    let shared = pageCall("b").future()  // a future; one task for all who observe it
    let length = pageCall("c").deferred().then { text in text.count }  // a Deferred
    let blocking = Greenlet.spawn { try pageCall("d").wait() }  // blocking code in a greenlet
    print(try await shared.value, try await length.value, try await blocking.value)
}
// snippet.end

// snippet.limit
/// The task behind the call is cancelled when the time is over.
func quick(_ name: String) async throws -> String {
    try await pageCall(name).timeout(.seconds(2)).value
}
// snippet.end

// snippet.race
/// Different styles in one race; the call that loses is cancelled.
func firstOf(_ cached: Future<String>, _ name: String) async throws -> String {
    try await Future.race(cached, pageCall(name)).value
}
// snippet.end

// snippet.hide
@main
enum UseAsyncAwait {
    static func main() async throws {
        try await everyStyle()
        print(try await quick("e"), try await firstOf(.succeeded("cached"), "f"))
    }
}
