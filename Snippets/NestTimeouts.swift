// Limits for all that a stretch of blocking code waits for: each ends its own scope, and no other one.

import Switchyard

// snippet.hide
struct Slow: Error {}

func fetch(_ url: String) -> Call<String> {
    Call(from: { Future<Void>.sleep(for: url == "slow" ? .seconds(60) : .milliseconds(1)).map { url } })
}
// snippet.show

// snippet.nested
func page(_ mirrors: [String]) throws -> String {
    try Greenlet.withTimeout(.seconds(30)) { _ in  // for everything below
        for mirror in mirrors {
            do {
                return try Greenlet.withTimeout(.milliseconds(50)) { own in
                    do { return try fetch(mirror).wait() + fetch("footer").wait() } catch let limit as Timeout {
                        print(limit === own ? "the inner limit" : "the outer one")
                        throw limit
                    }
                }
            } catch is Timeout { continue }  // see `pageOfAny`: this takes the outer one, too
        }
        throw Slow()
    }
}
// snippet.end

// snippet.fallback
func pageOfAny(_ mirrors: [String]) throws -> String? {
    try Greenlet.withTimeout(.seconds(30), throwing: Slow()) { _ in
        for mirror in mirrors {
            // Nil when this very limit has run out; the outer one passes through as `Slow`.
            if let page = try Greenlet.withTimeout(.milliseconds(50), fallback: nil, { try fetch(mirror).wait() }) {
                return page
            }
        }
        return nil
    }
}
// snippet.end

// snippet.extend
func untilIdle(_ jobs: [String]) throws {
    let idle = Timeout(.milliseconds(200))
    defer { idle.cancel() }
    for job in jobs {
        try idle.start()
        _ = try fetch(job).wait()
        idle.cancel()  // the next job has its time from the start
    }
}
// snippet.end

// snippet.hide
@main
enum NestTimeouts {
    static func main() async throws {
        print(try await Greenlet.run { try page(["slow", "fast"]) })
        print(try await Greenlet.run { try pageOfAny(["slow", "fast"]) } ?? "none")
        try await Greenlet.run { try untilIdle(["a", "b"]) }
    }
}
