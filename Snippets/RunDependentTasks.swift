// Many greenlets whose results are needed in an order: of spawning, or of what depends on what.

import Switchyard

// snippet.hide
func fetch(_ url: String) -> Call<String> { Call(from: { Future<Void>.sleep(for: .milliseconds(1)).map { url } }) }
// snippet.show

// snippet.pile
/// Ten at once, their results in the order of spawning.
func sizes(_ urls: [String]) throws -> [Int] {
    let pile = try GreenletPile<String>(size: 10)
    for url in urls { try pile.spawn { try fetch(url).wait() } }
    var sizes: [Int] = []
    while let page = try pile.waitNext() { sizes.append(page.count) }
    return sizes
}
// snippet.end

// snippet.dependencies
/// Each task is given the values it needs, as they come; they may be added in any order.
func build(cached library: String?) throws -> String {
    let build = DependencyPool<String, String>()
    try build.spawn("program", after: ["main", "library"]) { parts in
        try parts.waitAll().sorted { $0.key < $1.key }.map(\.value).joined(separator: "+")
    }
    try build.spawn("main") { _ in try fetch("main.c").wait() }
    if let library {
        try build.post("library", library)
    } else {
        try build.spawn("library", after: ["main"]) { values in
            guard let (_, main) = try values.waitNext() else { return "" }
            return "what \(main) needs"
        }
    }
    return try build.wait(for: "program")
}
// snippet.end

// snippet.failures
/// A value that does not come is an error where it is needed, and says why.
func describe(_ pool: DependencyPool<String, String>) throws -> String {
    do { return try pool.wait(for: "program") } catch let error as DependencyFailed {
        return "no program, because of \(error.root)"
    }
}
// snippet.end

// snippet.hide
struct NoCompiler: Error {}

@main
enum RunDependentTasks {
    static func main() async throws {
        try await Greenlet.spawn {
            print(try sizes(["a", "bb", "ccc"]))
            print(try build(cached: "library.o"), try build(cached: nil))
            let failing = DependencyPool<String, String>()
            try failing.spawn("program", after: ["main"]) { try $0.waitNext()?.value ?? "" }
            try failing.spawn("main") { _ in throw NoCompiler() }
            print(try describe(failing))
        }.value
    }
}
