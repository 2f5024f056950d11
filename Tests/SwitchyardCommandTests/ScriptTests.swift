// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import SwitchyardCommand

@Suite struct ScriptTests {
    @Test("the scripts answer --help, and refuse what they can see to be wrong, before they build")
    func beforeTheBuild() async throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let help = try await TourRun(script: "demo", ["--help"], in: folder)
        #expect(help.status == 0)
        #expect(help.output == TourOptions.help.split(separator: "\n").map(String.init))
        #expect(
            try await TourRun(script: "test", ["--help"], in: folder).output.first?.hasPrefix("Runs the tests.") == true
        )
        for (script, arguments) in [
            ("demo", ["--nonsense"]), ("demo", ["--requests"]), ("demo", ["--directory", "nowhere"]),
            ("test", ["--sanitize=nonsense"]), ("test", ["--repeat", "0"]),
        ] {
            let run = try await TourRun(script: script, arguments, in: folder)
            #expect(run.status == 2)
            #expect(run.output.isEmpty && run.errors.count == 1)
        }
    }

    @Test("Scripts/demo takes --directory from where its caller stands") func directory() async throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        try folder.write("here/file", [1])
        let run = try await TourRun(
            script: "demo",
            ["--directory", "here", "--requests=3", "http://host/"],
            in: folder
        )
        #expect(run.status == 0)
        let line = try #require(run.output.last)
        #expect(line.hasPrefix("tour --directory=/"))
        #expect(line.hasSuffix("\(folder.url.lastPathComponent)/here --requests=3 http://host/"))
    }
}

extension TourRun {
    /// Runs a script of the repository with a toolchain that builds nothing; its product prints its arguments.
    fileprivate init(script: String, _ arguments: [String], in folder: TemporaryFolder) async throws {
        let tools = ["swift": "echo '\(folder.path)/bin'", "switchyard": "echo \"$@\"", "pkg-config": ":"]
        for (name, line) in tools {
            try folder.write("bin/\(name)", Array("#!/bin/sh\n\(line)\n".utf8))
            let path = "\(folder.path)/bin/\(name)"
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        }
        try await self.init(
            of: SourceFile.root.appendingPathComponent("Scripts/\(script)"),
            arguments,
            in: folder.url,
            environment: ["PATH": "\(folder.path)/bin:/usr/bin:/bin"]
        )
    }
}
