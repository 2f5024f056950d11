// Blocking code: many greenlets on one thread, or one inside an async function.

import Switchyard

// snippet.hide
func fetch(_ url: String) -> Call<String> { Call(from: { Future<Void>.sleep(for: .milliseconds(1)).map { url } }) }
// snippet.show

// snippet.blocking
/// Blocking, straight-line code: legal in a greenlet and on a plain thread.
func total(_ urls: [String]) throws -> Int {
    var total = 0
    for url in urls { total += try fetch(url).wait(timeout: .seconds(10)).count }
    return total
}
// snippet.end

// snippet.spawn
func manyAtOnce(_ sites: [[String]]) async throws -> Int {
    let greenlets = sites.map { site in Greenlet.spawn { try total(site) } }
    var sum = 0
    for greenlet in greenlets { sum += try await greenlet.value }  // a greenlet is awaited like all else
    return sum
}
// snippet.end

// snippet.portal
func insideATask(_ urls: [String]) async throws -> Int {
    try await Greenlet.run {
        let before = try total(urls)  // parks: the task suspends, no thread blocks
        let after = try Greenlet.await { try await manyAtOnce([urls]) }  // and back into async code, in the same task
        return before + after
    }
}
// snippet.end

// snippet.hide
@main
enum WaitInAGreenlet {
    static func main() async throws {
        print(try await manyAtOnce([["a", "b"], ["c"]]))
        print(try await insideATask(["a", "b"]))
    }
}
