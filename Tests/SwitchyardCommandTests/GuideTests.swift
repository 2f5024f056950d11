// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// What DocC does not look at. Links, and the names of snippets and their slices, it checks itself.
@Suite struct GuideTests {
    private static let folder = "Docs/Guide/Guide.docc"
    private static let pages = files(in: folder, ending: ".md").filter { $0 != "Guide" }

    /// Names without the ending.
    private static func files(in folder: String, ending: String) -> [String] {
        let path = SourceFile.root.appendingPathComponent(folder).path
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.filter { $0.hasSuffix(ending) }.map { String($0.dropLast(ending.count)) }.sorted()
    }

    private static func text(_ page: String) throws -> String {
        try SourceFile.lines("\(folder)/\(page).md").joined(separator: "\n")
    }

    @Test(
        "the first paragraph of every page says where a cancellation goes",
        arguments: pages.filter { $0 != "Testing" }
    )
    func cancellation(_ page: String) throws {
        let paragraphs = try Self.text(page).components(separatedBy: "\n\n")
        #expect(paragraphs[0].hasPrefix("# "))
        #expect(paragraphs[1].lowercased().contains("cancel"))
    }

    @Test("every page stands among the topics of the guide", arguments: pages)
    func topics(_ page: String) throws {
        #expect(try SourceFile.lines("\(Self.folder)/Guide.md").contains("- <doc:\(page)>"))
    }

    @Test("every snippet is shown by a page", arguments: files(in: "Snippets", ending: ".swift"))
    func snippets(_ name: String) throws {
        let shown = try (Self.pages + ["Guide"]).contains { page in
            try Self.text(page).contains(#"@Snippet(path: "switchyard/Snippets/\#(name)""#)
        }
        #expect(shown, "\(name)")
    }
}
