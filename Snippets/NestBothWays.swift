// Blocking code that calls async code that calls blocking code: one task, at every depth.

import Switchyard

// snippet.hide
enum Trace { @TaskLocal static var id = 0 }

func fetch(_ url: String) -> Call<String> { Call(from: { Future<Void>.sleep(for: .milliseconds(1)).map { url } }) }
// snippet.show

// snippet.nested
@MainActor
final class Model {
    var pages: [String] = []

    /// Isolated to the main actor, and calls blocking code.
    func load(_ urls: [String]) async throws -> Int {
        let page = try await Greenlet.run {  // on the loop's thread: the main actor goes on with other work
            try joined(urls)
        }
        pages.append(page)
        return pages.count
    }
}

/// Blocking code, which calls async functions where it has to.
func joined(_ urls: [String]) throws -> String {
    let first = try fetch(urls[0]).wait()  // parks; the task suspends
    let rest = try Greenlet.await {  // back in async code, in the same task
        try await Greenlet.run {  // and in blocking code again, on a second stack
            try urls.dropFirst().map { try fetch($0).wait() }.joined()
        }
    }
    return first + rest
}
// snippet.end

// snippet.locals
func seesTheCallers() async throws {
    try await Trace.$id.withValue(7) {
        try await Greenlet.run {
            print(Trace.id)  // 7
            try Greenlet.await { print(Trace.id) }  // 7
        }
        let context = ContextSnapshot(Trace.$id)
        let greenlet = Greenlet.spawn {
            print(Trace.id)  // 0: a spawned greenlet sees none
            context { print(Trace.id) }  // 7
        }
        try await greenlet.value
    }
}
// snippet.end

// snippet.cancel
func cancelled() async {
    let task = Task {
        try await Greenlet.run {
            defer { print("clean-up") }
            _ = try Greenlet.await {
                try await Greenlet.run { try Greenlet.sleep(for: .seconds(60)) }  // here it is thrown
            }
        }
    }
    await Task.yield()
    task.cancel()  // at any depth: it is one task
    print(await task.result)
}
// snippet.end

// snippet.hide
@main
enum NestBothWays {
    static func main() async throws {
        print(try await Model().load(["a", "b", "c"]))
        try await seesTheCallers()
        await cancelled()
    }
}
