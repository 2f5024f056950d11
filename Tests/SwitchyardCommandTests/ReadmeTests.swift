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
            (2, "CallbackNeverCalled", ["dropped"]),
            (3, "WaitInAGreenlet", ["blocking", "spawn", "portal"]),
        ]
    )
    func examples(_ place: Int, _ snippet: String, _ names: [String]) throws {
        let regions = try SourceFile.regions("Snippets/\(snippet).swift", marker: "// snippet.")
        let expected = try names.map { try #require(regions[$0]).joined(separator: "\n") }.joined(separator: "\n\n")
        #expect(try listings()[place] == expected)
    }
}
