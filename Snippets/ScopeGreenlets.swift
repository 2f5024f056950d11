// Greenlets that do not outlive a block of code, however that is left.

import Switchyard

// snippet.hide
struct Broken: Error {}

func fetch(_ url: String) -> Call<String> {
    Call(from: {
        Future<Void>.sleep(for: url == "slow" ? .seconds(60) : .milliseconds(1)).map {
            if url == "broken" { throw Broken() }
            return url
        }
    })
}
// snippet.show

// snippet.scope
func both(_ first: String, _ second: String) throws -> String {
    try Greenlet.scope { scope in
        let a = try scope.spawn { try fetch(first).wait() }
        let b = try scope.spawn { try fetch(second).wait() }
        return try a.wait() + b.wait()
    }
}
// snippet.end

// snippet.failure
func whoeverFails() {
    do {
        print(try both("slow", "broken"))
    } catch {
        print(error)  // Broken(), after milliseconds: the failure has killed the slow one and ended the body's wait
    }
}
// snippet.end

// snippet.hide
@main
enum ScopeGreenlets {
    static func main() async throws {
        print(try await Greenlet.run { try both("a", "b") })
        await Greenlet.spawn { whoeverFails() }.join()
    }
}

extension Greenlet {
    fileprivate func join() async { _ = try? await value }
}
