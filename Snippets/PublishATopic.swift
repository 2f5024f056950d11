// Topics: a program's own signals, heard in any style.

import Switchyard

// snippet.topics
/// What happens to users, by name. A handler that is not ready misses the oldest of more than 100.
let changes = Registry<String, String>("changes", backlog: .newest(100))

func listen(on loop: IOLoop) -> Subscription {
    changes.events(of: "alice", "bob").subscribe(on: loop) { change in print(change) }
}

func firstChange(of name: String) async throws -> String {
    try await changes.events(of: name).next().value
}
// snippet.end

// snippet.post
func rename(_ name: String, to newName: String) {
    changes.post("\(name) is \(newName) now", to: name)
}
// snippet.end

// snippet.outcomes
/// Any outcome can be posted, and any number of handlers hear of it.
func announce(_ page: Call<String>, in pages: Registry<String, Result<String, any Error>>) {
    page.post(to: "front page", in: pages)
}
// snippet.end

// snippet.hide
@main
enum PublishATopic {
    static func main() async throws {
        let listener = listen(on: .shared)
        let first = changes.events(of: "alice").next().future()
        rename("alice", to: "Alicia")
        print(try await first.value)
        listener.cancel()
        let pages = Registry<String, Result<String, any Error>>("pages")
        let page = pages.events(of: "front page").next().future()
        announce(Call { $0.succeed("<html>") }, in: pages)
        print(try await page.value.get())
    }
}
