// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Switchyard
import Synchronization
import Testing

@Suite struct TourTests {
    @Test("the tour fetches every file in every style, whatever its name and size") func directory() async throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        try folder.write("empty", [])
        try folder.write("binary", (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        try folder.write("a b/100% ä?#&+.txt", Array("names".utf8))
        try folder.write(".hidden/file", [1])
        try folder.write("folder/.hidden", [1])
        let run = try await TourRun(["--directory", folder.url.path, "--concurrency", "2"])
        #expect(run.status == 0)
        #expect(run.last == "tour: 10 styles, 30 requests, all equal")
        #expect(run.output.first?.contains("3 files (300005 bytes)") == true)
        let rows = run.output.filter { $0.contains(" yes ") }
        #expect(rows.count == 10)
        #expect(rows.allSatisfy { $0.contains(" 300005 ") })
    }

    @Test("every style but the first has as many requests in flight as were asked for") func concurrency() async throws
    {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        try folder.write("file", [1, 2, 3])
        let run = try await TourRun(["--directory", folder.url.path, "--requests", "40", "--concurrency", "5"])
        #expect(run.last == "tour: 10 styles, 400 requests, all equal")
        let rows = run.output.filter { $0.contains(" yes ") }
        let inFlight = rows.map { $0.split(separator: " ").dropLast(2).last.flatMap { Int($0) } }
        #expect(inFlight == [1] + Array(repeating: 5, count: 9))
    }

    @Test("what git ignores is not served") func ignored() async throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        try folder.write("kept", [1])
        try folder.write("ignored", [1])
        try folder.write(".gitignore", Array("ignored\n".utf8))
        let git = Process()
        git.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        git.arguments = ["git", "init", "--quiet", folder.url.path]
        try #require(try await git.runToEnd() == 0)
        let run = try await TourRun(["--directory", folder.url.path])
        #expect(run.last == "tour: 10 styles, 10 requests, all equal")
    }

    @Test("answers that change are found: exit status 1, standard error names style and URL") func unequal()
        async throws
    {
        let answered = Counter()
        let server = try HTTPServer { _ in HTTPResponse("answer \(answered.next())") }
        let url = "http://127.0.0.1:\(server.port)/page"
        let run = try await TourRun([url])
        try await server.stop(within: .zero).value
        #expect(run.status == 1)
        #expect(run.last == "tour: callback: an answer is not equal")
        #expect(run.errors.last?.hasPrefix("tour: callback: \(url): the 8 bytes that came are not equal to") == true)
    }

    @Test("where the first request fails the error stands alone: exit status 1, no listings, no table") func failing()
        async throws
    {
        let server = try HTTPServer { _ in HTTPResponse("", status: 404) }
        let url = "http://127.0.0.1:\(server.port)/page"
        let missing = try await TourRun([url])
        #expect(missing.status == 1)
        let summary = "tour: synchronous, one at a time: a request failed"
        #expect(missing.output == ["switchyard tour: 1 URL of your own", summary])
        #expect(missing.errors == ["tour: synchronous, one at a time: \(url): the server answered 404 Not Found"])
        try await server.stop(within: .zero).value
        let refused = try await TourRun([url])
        #expect(refused.status == 1)
        #expect(refused.last == summary)
        #expect(refused.errors.last?.contains("\(url): cannot connect") == true)
    }

    @Test("a request that fails later has a row that says so, and a hint at --concurrency") func failingLater()
        async throws
    {
        let answered = Counter()
        let server = try HTTPServer { _ in HTTPResponse("", status: answered.next() > 5 ? 503 : 200) }
        let url = "http://127.0.0.1:\(server.port)/page"
        let run = try await TourRun([url, url, "--requests", "4"])
        try await server.stop(within: .zero).value
        #expect(run.status == 1)
        #expect(run.output.first == "switchyard tour: 2 URLs of your own")
        #expect(run.output.contains { $0.hasPrefix("synchronous, one at a time ") && $0.contains(" yes ") })
        #expect(run.output.contains { $0.hasPrefix("callback ") && $0.contains(" failed ") })
        #expect(run.last == "tour: callback: a request failed")
        #expect(run.errors.last?.contains("the server answered 503") == true)
        #expect(run.errors.last?.hasSuffix("try a smaller --concurrency") == true)
    }

    @Test(
        "wrong input is one line on standard error, nothing else, and exit status 2",
        arguments: [
            ["--directory", "/nowhere/at/all"], ["--directory", "/dev/null"], ["--directory", "."], [],
            ["--concurrency", "0"], ["--requests", "x"], ["--nonsense"], ["https://localhost/"], ["localhost"],
        ]
    )
    func refused(_ arguments: [String]) async throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let run = try await TourRun(arguments, in: folder.url)
        #expect(run.status == 2)
        #expect(run.output.isEmpty)
        #expect(run.errors.count == 1)
        #expect(run.errors.first?.hasPrefix("tour: ") == true)
    }

    @Test("help is help, and no error") func help() async throws {
        let run = try await TourRun(["--help"])
        #expect(run.status == 0)
        #expect(run.output.first?.hasPrefix("usage: Scripts/demo") == true)
        #expect(run.errors.isEmpty)
    }
}

private final class Counter: Sendable {
    private let count = Atomic<Int>(0)

    func next() -> Int { count.wrappingAdd(1, ordering: .relaxed).newValue }
}
