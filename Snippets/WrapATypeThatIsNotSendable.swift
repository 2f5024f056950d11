// A legacy API whose request, reply and callback are not Sendable, wrapped all the same.

// snippet.hide
import Dispatch
import Switchyard
import Synchronization

final class OldReply {
    let body: String

    init(_ body: String) { self.body = body }
}

/// Was written before there was `Sendable`. Its documentation says that any thread may call `stop()`.
final class OldRequest {
    private let isStopped = Mutex(false)

    init(_ url: String, _ completion: @escaping (OldReply?, (any Error)?) -> Void) {
        // SAFETY: called once, by the thread it is handed to; of the request that uses only the lock.
        nonisolated(unsafe) let completion = completion
        nonisolated(unsafe) let running = self
        DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(20)) {
            if running.isStopped.withLock({ !$0 }) { completion(OldReply("<p>\(url)</p>"), nil) }
        }
    }

    func stop() {
        isStopped.withLock { $0 = true }
        print("stopped")
    }
}

func oldGet(_ url: String, _ completion: @escaping (OldReply?, (any Error)?) -> Void) -> OldRequest {
    OldRequest(url, completion)
}
// snippet.show

// snippet.strong
func fetch(_ url: String) -> Call<String> {
    Call { done in
        // SAFETY: any thread may stop a request.
        nonisolated(unsafe) let request = oldGet(url) { reply, error in
            done.complete(reply?.body, error: error)  // takes out what is Sendable
        }
        done.onCancel { request.stop() }
    }
}
// snippet.end

// snippet.weak
func fetchKeptByItself(_ url: String) -> Call<String> {
    Call { done in
        let request = oldGet(url) { reply, error in done.complete(reply?.body, error: error) }
        // SAFETY: any thread may stop a request. Weak: the API keeps it while it runs.
        nonisolated(unsafe) weak var running: OldRequest?
        running = request
        done.onCancel { running?.stop() }
    }
}
// snippet.end

// snippet.hide
@main
enum WrapATypeThatIsNotSendable {
    static func main() async throws {
        print(try await fetch("a").value, try await fetchKeptByItself("b").value)
        print(fetch("c").callback { outcome in print(outcome) }.cancel())
        print(fetchKeptByItself("d").callback { outcome in print(outcome) }.cancel())
    }
}
