// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// A place in a program's source, as kept for diagnostics.
public struct SourceSite: Sendable, Hashable, CustomStringConvertible {
    /// `Module/File.swift`.
    public let fileID: String
    /// The line, from 1.
    public let line: UInt

    /// Makes a site, by default the caller's.
    public init(fileID: StaticString = #fileID, line: UInt = #line) {
        self.fileID = "\(fileID)"
        self.line = line
    }

    /// `Module/File.swift:12`.
    public var description: String { "\(fileID):\(line)" }

    @usableFromInline
    static func describe(_ site: SourceSite?, label: String?) -> String {
        switch (label, site) {
        case (let label?, let site?): "\"\(label)\" (\(site))"
        case (let label?, nil): "\"\(label)\""
        case (nil, let site?): "\(site)"
        case (nil, nil): "an unknown place (label the promise, or build for debugging, to see where)"
        }
    }
}
