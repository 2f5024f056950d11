// Many greenlets: a group, a pool with a limit, a map over a long sequence.

import Switchyard

// snippet.hide
func fetch(_ url: String) -> Call<String> { Call(from: { Future<Void>.sleep(for: .milliseconds(1)).map { url } }) }
// snippet.show

// snippet.group
func warmUp(_ urls: [String]) throws {
    let group = GreenletGroup(name: "warm up")
    for url in urls { try group.spawn { try fetch(url).wait() } }
    do { try group.join(timeout: .seconds(10)) } catch is TimedOut {
        try group.kill(waiting: .seconds(1))  // whoever is late: killed, and waited for
    }
}
// snippet.end

// snippet.pool
func fetchAll(_ urls: [String]) throws -> [String] {
    let pool = try GreenletPool(size: 10, name: "fetchers")
    return try pool.map(urls) { url in try fetch(url).wait() }  // ten at once; in the order of the URLs
}
// snippet.end

// snippet.imap
func firstLong(_ urls: [String]) throws -> String? {
    let pool = try GreenletPool(size: 10)
    let pages = pool.imapUnordered(urls, buffered: 20) { url in try fetch(url).wait() }
    while let page = try pages.waitNext() { if page.count > 3 { return page } }
    return nil  // those who still work are killed when `pages` goes
}
// snippet.end

// snippet.async
func totalLength(_ urls: [String]) async throws -> Int {
    let pool = try GreenletPool(size: 10)
    var total = 0
    for try await page in pool.imap(urls, { url in try fetch(url).wait() }) { total += page.count }
    return total
}
// snippet.end

// snippet.hide
@main
enum UsePools {
    static func main() async throws {
        let urls = ["a", "bb", "ccc", "dddd"]
        try await Greenlet.run {
            try warmUp(urls)
            print(try fetchAll(urls), try firstLong(urls) ?? "none")
        }
        print(try await totalLength(urls))
    }
}
