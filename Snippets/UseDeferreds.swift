// Twisted's Deferreds: a pipeline on anything awaitable, and the way back.

import Switchyard

// snippet.hide
func fetch(_ url: String) -> Call<String> {
    Call(from: { Future<Void>.sleep(for: .milliseconds(url.count)).map { "<\(url)>" } })
}
// snippet.show

// snippet.pipeline
func length(of url: String) -> Deferred<Int> {
    fetch(url).deferred()
        .addCallback { page in page + "!" }
        .addErrback { _ in "nothing there" }  // back on the track of the values
        .addTimeout(.seconds(5))
        .then { page in page.count }  // goes on with another type
}
// snippet.end

// snippet.straight
func total(_ urls: [String]) -> Deferred<Int> {
    Deferred.inlineCallbacks {
        var total = 0
        for url in urls { total += try await length(of: url).value }
        return total
    }
}
// snippet.end

// snippet.hide
@main
enum UseDeferreds {
    static func main() async throws {
        print(try await length(of: "a").value, try await total(["a", "bb"]).value)
    }
}
