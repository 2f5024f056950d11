// Raw continuations and their counterpart: a callback that may come twice or never, and a cancellation.

// snippet.hide
import Dispatch
import Switchyard
import Synchronization

final class LegacyRequest: Sendable {
    private let completion: Mutex<(@Sendable (String?, (any Error)?) -> Void)?>

    init(_ url: String, _ completion: @escaping @Sendable (String?, (any Error)?) -> Void) {
        self.completion = Mutex(url.isEmpty ? nil : completion)  // may throw its callback away
        DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(20)) { [self] in
            let completion = self.completion.withLock { $0 }
            completion?("<p>\(url)</p>", nil)
            if url == "twice" { completion?("again", nil) }
        }
    }

    func cancel() { completion.withLock { $0 = nil } }
}
// snippet.show

// snippet.call
//  func fetch(_ url: String) async throws -> String {
//      let state = Mutex<State>(.notStarted)   // request and continuation, whichever comes first; cancelled or not
//      return try await withTaskCancellationHandler {
//          try await withCheckedThrowingContinuation { continuation in
//              // cancelled already? resume with an error, start nothing
//              let request = LegacyRequest(url) { body, error in
//                  // resumed already? then not again; neither body nor error? then with an error of one's own
//                  continuation.resume(…)
//              }
//              // cancelled meanwhile? then cancel the request here
//          }
//      } onCancel: {
//          // take the request, and the continuation, out of the state; cancel the one, resume the other
//      }
//  }
func fetch(_ url: String) -> Call<String> {
    Call { done in
        let request = LegacyRequest(url) { body, error in done.complete(body, error: error) }
        done.onCancel { [weak request] in request?.cancel() }  // weak: a running request is kept by what runs it
    }
}
// snippet.end

// snippet.use
func use() async throws {
    print(try await fetch("twice").value)  // the second call is reported; the first outcome stands
    do { print(try await fetch("").value) } catch { print(error) }  // BrokenPromise, where a continuation would hang
    let task = Task { try await fetch("late").value }
    task.cancel()
    print(await task.result)  // CancellationError, at once, and the request is cancelled
}
// snippet.end

// snippet.hide
@main
enum MigrateFromContinuations {
    static func main() async throws { try await use() }
}
