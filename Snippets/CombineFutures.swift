// Several operations at once: all, the first, each as it comes; limits and repetition.

import Switchyard

// snippet.hide
func fetch(_ url: String) -> Call<String> {
    Call(from: { Future<Void>.sleep(for: .milliseconds(url.count)).map { "<\(url)>" } })
}
// snippet.show

// snippet.joins
func sizes(_ urls: [String]) async throws -> [Int] {
    try await Future.all(urls.map(fetch)).map { pages in pages.map(\.count) }.value
}

func both() async throws -> (String, String) {
    try await Future.all(fetch("a"), fetch("bb")).value
}

func fastest(_ mirrors: [String]) async throws -> String {
    try await Future.any(mirrors.map(fetch)).value  // the others are cancelled
}
// snippet.end

// snippet.completions
func asTheyCome(_ urls: [String]) async throws {
    for try await completion in Future.asCompleted(urls.map(fetch)) {
        print(urls[completion.key], completion.outcome)
    }
}
// snippet.end

// snippet.limits
func patient(_ url: String) -> Call<String> {
    fetch(url)
        .timeout(.seconds(2))  // one attempt
        .retry(3, delay: { attempt in .milliseconds(10) * attempt })
        .timeout(.seconds(5))  // all of them together
}
// snippet.end

// snippet.hide
@main
enum CombineFutures {
    static func main() async throws {
        print(try await sizes(["a", "bb"]), try await both(), try await fastest(["a", "bb"]))
        try await asTheyCome(["bbb", "a"])
        print(try await patient("a").value)
    }
}
