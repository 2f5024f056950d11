// The end of a greenlet: who is told, and how to bring it about.

import Switchyard

// snippet.hide
func fetch(_ url: String) -> Call<String> { Call(from: { Future<Void>.sleep(for: .seconds(60)).map { url } }) }
func removePartialFile() throws { try Greenlet.sleep(for: .milliseconds(1)) }
// snippet.show

// snippet.links
func watched(_ url: String) -> Greenlet<String> {
    let greenlet = Greenlet.spawn(name: "fetch \(url)") { try fetch(url).wait() }
    greenlet.linkValue { done in print(done.displayName, "has returned") }
    greenlet.linkException { done in print(done.displayName, "has ended by", done.outcome!) }
    return greenlet
}
// snippet.end

// snippet.kill
func killIt() throws {
    let greenlet = watched("a")
    try Greenlet.yield()  // it runs, and waits
    try greenlet.kill(waiting: .seconds(1))  // its clean-up has run when this returns
    do { print(try greenlet.wait()) } catch is CancellationError { print("cancelled") }

    let early = watched("b")
    early.kill()  // before it began: the body never runs, the links are told
    try early.join()
}
// snippet.end

// snippet.cleanup
func download(_ url: String) throws -> String {
    do { return try fetch(url).wait() } catch {
        try removePartialFile()  // may wait: a kill is thrown once
        throw error  // and let it pass, or the greenlet goes on
    }
}

func downloadWithRetries(_ url: String) throws -> String {
    while true {
        do { return try download(url) } catch {
            try error.rethrowIfExit()  // without this a kill would be one more failed attempt
            print("again, after", error)
        }
    }
}
// snippet.end

// snippet.hide
@main
enum LinkAndKill {
    static func main() async throws {
        try await Greenlet.run { try killIt() }
        let stubborn = Greenlet.spawn { try downloadWithRetries("c") }
        try await Greenlet.run {
            try Greenlet.sleep(for: .milliseconds(10))
            try stubborn.kill(waiting: .seconds(10))
        }
        do { print(try await stubborn.value) } catch { print("ended by", error) }
    }
}
