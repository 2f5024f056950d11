// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SwitchyardCommand

@Suite struct ListingTests {
    @Test("the tour prints the listings that it runs") func listings() throws {
        var source: [String: [String]] = [:]
        for file in ["Fetch", "Listings"] {
            let regions = try SourceFile.regions("Sources/SwitchyardCommand/Tour/\(file).swift", marker: "// listing: ")
            source.merge(regions) { first, _ in first }
        }
        source["end"] = nil
        #expect(source.mapValues { $0.joined(separator: "\n") } == ListingText.all)
    }
}
