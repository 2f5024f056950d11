// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Text of this repository.
enum SourceFile {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func lines(_ path: String) throws -> [String] {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8).components(separatedBy: "\n")
    }

    /// The lines after each line that is `marker` and a name, up to the next of them; without common indentation, and
    /// without empty lines at either end.
    static func regions(_ path: String, marker: String) throws -> [String: [String]] {
        var regions: [String: [String]] = [:]
        var name: String?
        for line in try lines(path) {
            let text = line.trimmingCharacters(in: .whitespaces)
            if text.hasPrefix(marker) {
                name = String(text.dropFirst(marker.count))
            } else if let name {
                regions[name, default: []].append(line)
            }
        }
        return regions.mapValues(dedented)
    }

    static func dedented(_ lines: [String]) -> [String] {
        let margin = lines.filter { !$0.isEmpty }.map { $0.prefix { $0 == " " }.count }.min() ?? 0
        let region = lines.map { String($0.dropFirst(margin)) }
        return Array(region.drop { $0.isEmpty }.reversed().drop { $0.isEmpty }.reversed())
    }
}
