// Cancellation of a callback API, in both directions.

// snippet.hide
import Dispatch
import Switchyard
import Synchronization

struct LegacyStopped: Error {}

/// A legacy download: can be stopped, and calls back with an error of its own if somebody else has stopped it.
final class LegacyDownload: Sendable {
    private let completion: Mutex<(@Sendable (String?, (any Error)?) -> Void)?>

    init(_ url: String, _ completion: @escaping @Sendable (String?, (any Error)?) -> Void) {
        self.completion = Mutex(completion)
        DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(20)) { [self] in
            if url.isEmpty { end(nil, LegacyStopped()) } else { end("<p>\(url)</p>", nil) }
        }
    }

    func stop() {
        completion.withLock { $0 = nil }
        print("stopped")
    }

    private func end(_ body: String?, _ error: (any Error)?) { completion.withLock { $0 }?(body, error) }
}

func legacyDownload(
    _ url: String,
    _ completion: @escaping @Sendable (String?, (any Error)?) -> Void
) -> LegacyDownload { LegacyDownload(url, completion) }
// snippet.show

// snippet.stop
func download(_ url: String) -> Call<String> {
    Call { done in
        let request = legacyDownload(url) { body, error in done.complete(body, error: error) }
        done.onCancel { request.stop() }
    }
}
// snippet.end

// snippet.both
func downloadUnlessStopped(_ url: String) -> Call<String> {
    Call { done in
        let download = LegacyDownload(url) { body, error in
            if error is LegacyStopped {
                done.fail(CancellationError())  // from the source to the consumers
            } else {
                done.complete(body, error: error)
            }
        }
        done.onCancel { download.stop() }  // from the last consumer to the source
    }
}
// snippet.end

// snippet.hide
@main
enum CancelACallback {
    static func main() async {
        let task = Task { try await download("a").value }
        task.cancel()
        print(await task.result)
        print(download("b").callback { outcome in print(outcome) }.cancel())
        let stoppedElsewhere = downloadUnlessStopped("").future()
        print(await Task { try await stoppedElsewhere.value }.result, stoppedElsewhere.isCancelled)
    }
}
