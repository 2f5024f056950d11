// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@Suite struct ReadmeTests {
    /// The Swift listings of the README, one string each.
    private func listings() throws -> [String] {
        let text = try SourceFile.lines("README.md").joined(separator: "\n")
        return text.components(separatedBy: "```swift\n").dropFirst().map { $0.components(separatedBy: "\n```")[0] }
    }

    /// Each listing is one region of a snippet, or several with an empty line between them.
    @Test(
        "the examples of the README are what the build compiles",
        arguments: [
            (0, "WrapACallback", ["wrap", "use"]),
            (1, "WrapACFunction", ["wrap"]),
            (2, "CancelACallback", ["stop"]),
            (3, "CallbackNeverCalled", ["dropped"]),
            (4, "WaitInAGreenlet", ["blocking", "spawn", "portal"]),
        ]
    )
    func examples(_ place: Int, _ snippet: String, _ names: [String]) throws {
        let regions = try SourceFile.regions("Snippets/\(snippet).swift", marker: "// snippet.")
        let expected = try names.map { try #require(regions[$0]).joined(separator: "\n") }.joined(separator: "\n\n")
        #expect(try listings()[place] == expected)
    }

    @Test("the product the README names is the one an example takes, and every file it links to is there")
    func names() throws {
        let text = try SourceFile.lines("README.md").joined(separator: "\n")
        let product = #".product(name: "Switchyard", package: "switchyard")"#
        #expect(text.contains(product))
        #expect(try SourceFile.lines("Examples/SwitchyardConsumer/Package.swift").contains { $0.contains(product) })
        let links = text.components(separatedBy: "](").dropFirst().map { $0.components(separatedBy: ")")[0] }
        #expect(links.count > 5)
        for link in links {
            let path = SourceFile.root.appendingPathComponent(link).path
            #expect(FileManager.default.fileExists(atPath: path), "\(link)")
        }
    }
}
