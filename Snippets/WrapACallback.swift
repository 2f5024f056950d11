// A legacy function with a callback argument, wrapped once, used in every style.

// snippet.hide
import Dispatch
import Switchyard

func legacyGet(_ url: String, _ completion: @escaping @Sendable (String?, (any Error)?) -> Void) {
    DispatchQueue.global().async { completion("<p>\(url)</p>", nil) }
}

// snippet.wrap
func fetch(_ url: String) -> Call<String> {
    Call { done in legacyGet(url) { body, error in done.complete(body, error: error) } }
}
// snippet.end

@main
enum WrapACallback {
    static func main() async throws {
        let url = "http://localhost/"
        // snippet.use
        fetch(url).callback { result in print(result) }  // a callback
        let page = fetch(url).future()  // a future
        let text = try await fetch(url).value  // async/await
        let same = Greenlet.spawn { try fetch(url).wait() }  // blocking code in a greenlet
        // snippet.end
        print(try await page.value == text, try await same.value == text)
    }
}
