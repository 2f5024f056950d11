// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A run of a program, by default of the built command.
struct TourRun {
    let status: Int32
    let output: [String]
    let errors: [String]

    /// The last line of the results.
    var last: String { output.last ?? "" }

    /// Runs `switchyard tour` to its end.
    init(_ arguments: [String], in directory: URL? = nil) async throws {
        try await self.init(of: Self.executable, ["tour"] + arguments, in: directory, environment: nil)
    }

    /// Runs a program to its end.
    ///
    /// - Parameters:
    ///   - directory: Nil is a new, empty one.
    ///   - environment: Nil is that of the tests.
    init(of program: URL, _ arguments: [String], in directory: URL?, environment: [String: String]?) async throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        // Files, not pipes: nobody has to read while the command writes.
        let output = folder.url.appendingPathComponent("output")
        let errors = folder.url.appendingPathComponent("errors")
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        if let environment { process.environment = environment }
        process.currentDirectoryURL = directory ?? folder.url
        process.standardOutput = try Self.file(output)
        process.standardError = try Self.file(errors)
        status = try await process.runToEnd()
        self.output = try Self.lines(output)
        self.errors = try Self.lines(errors)
    }

    private static func file(_ url: URL) throws -> FileHandle {
        try Data().write(to: url)
        return try FileHandle(forWritingTo: url)
    }

    private static func lines(_ url: URL) throws -> [String] {
        try String(contentsOf: url, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    /// Built beside the tests.
    private static var executable: URL {
        #if os(macOS)
        let tests = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }!.bundleURL
        #else
        let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        #endif
        return tests.deletingLastPathComponent().appendingPathComponent("switchyard")
    }
}

extension Process {
    /// Runs the process, and returns its exit status.
    func runToEnd() async throws -> Int32 {
        let status = try await withCheckedThrowingContinuation { continuation in
            terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do { try run() } catch { continuation.resume(throwing: error) }
        }
        // It and the source that it has put into a run loop keep each other alive until somebody waits like this.
        waitUntilExit()
        return status
    }
}

/// A folder of a test's own.
struct TemporaryFolder {
    let url: URL
    var path: String { url.path }

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("switchyard-tests-\(UUID())")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    func remove() { try? FileManager.default.removeItem(at: url) }

    /// Writes a file, with the folders on its way.
    func write(_ path: String, _ bytes: [UInt8]) throws {
        let file = url.appendingPathComponent(path)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(),
            withIntermediateDirectories: true
        )
        try Data(bytes).write(to: file)
    }
}
