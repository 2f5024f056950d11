// Child processes: their exit status as an awaitable, and each of them reaped.

import Switchyard

// snippet.hide
#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

func start(_ script: String) -> Int32 {
    var process: Int32 = 0
    let words = ["/bin/sh", "-c", script]
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { word in strdup(word) } + [nil]
    posix_spawn(&process, "/bin/sh", nil, nil, &arguments, environ)
    return process
}
// snippet.show

// snippet.wait
/// Makes the handle as soon as the child is there: from then on it is reaped, whoever waits.
func run(_ script: String) async throws -> ChildStatus {
    let child = try ChildProcess(id: start(script))
    return try await child.value
}
// snippet.end

// snippet.limit
/// Gives up waiting after a while; the child goes on.
func runBriefly(_ script: String) async throws -> ChildStatus? {
    let child = try ChildProcess(id: start(script))
    do { return try await child.future().timeout(.seconds(1)).value } catch is TimedOut { return nil }
}
// snippet.end

// snippet.all
/// Several at once.
func runAll(_ scripts: [String]) async throws -> [ChildStatus] {
    try await Future.all(scripts.map { try ChildProcess(id: start($0)) }).value
}
// snippet.end

// snippet.hide
@main
enum WaitForAChildProcess {
    static func main() async throws {
        print(try await run("exit 3"))
        print(try await runBriefly("exit 0")?.isSuccess ?? false)
        print(try await runAll(["exit 1", "kill -9 $$"]))
    }
}
