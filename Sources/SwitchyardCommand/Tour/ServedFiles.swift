// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The files the tour serves, and what is in them.
struct ServedFiles {
    /// Relative to `root`, sorted.
    private(set) var paths: [String] = []
    private(set) var contents: [[UInt8]] = []
    let root: URL
    private let place: String
    private let count: Int
    private var leftOut = 0

    private static let most = 400
    private static let largest = 16 * 1024 * 1024

    /// Which and how much, for people.
    var summary: String {
        let bytes = contents.reduce(0) { $0 + $1.count }
        var text = "\(paths.count) files (\(bytes) bytes) of \(place)"
        if count > Self.most { text += ", the first of \(count)" }
        if leftOut > 0 { text += ", without \(leftOut) that are unreadable or larger than 16 MiB" }
        return text
    }

    /// Finds the files of a directory, or of the package around the current one.
    static func find(_ directory: String?) throws -> ServedFiles {
        if let directory {
            var isDirectory: ObjCBool = false
            guard unsafe FileManager.default.fileExists(atPath: directory, isDirectory: &isDirectory) else {
                throw WrongInput("there is no directory '\(directory)'")
            }
            guard isDirectory.boolValue else {
                throw WrongInput("'\(directory)' is a file; --directory takes a directory")
            }
            return try ServedFiles(URL(fileURLWithPath: directory), below: ["."], place: directory)
        }
        var root = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
        while !isFile(root.appendingPathComponent("Package.swift")) {
            guard root.path != "/" else {
                throw WrongInput("there is no package around this directory; name a directory with --directory")
            }
            root.deleteLastPathComponent()
        }
        let folders = ["Docs", "Sources", "Tests"].filter { folder in
            FileManager.default.fileExists(atPath: root.appendingPathComponent(folder).path)
        }
        guard !folders.isEmpty else {
            throw WrongInput("the package here has no Docs, Sources or Tests; name a directory with --directory")
        }
        return try ServedFiles(root, below: folders, place: folders.joined(separator: ", "))
    }

    private init(_ root: URL, below folders: [String], place: String) throws {
        self.root = root
        self.place = place
        let found = (Self.listed(root, folders) ?? Self.walked(root, folders)).filter { path in
            !path.split(separator: "/").contains { $0.hasPrefix(".") } && Self.isFile(root.appendingPathComponent(path))
        }
        count = found.count
        for path in found.sorted().prefix(Self.most) {
            guard let data = Self.read(root.appendingPathComponent(path)) else {
                leftOut += 1
                continue
            }
            paths.append(path)
            contents.append(data)
        }
        if paths.isEmpty {
            throw WrongInput(
                "there is no file to serve in '\(place)' (hidden files and what git ignores are left out)"
            )
        }
    }

    /// A file's content; nil if it cannot be read or is too large.
    static func read(_ file: URL) -> [UInt8]? {
        guard let size = (try? FileManager.default.attributesOfItem(atPath: file.path))?[.size] as? NSNumber,
            size.intValue <= largest
        else { return nil }
        return (try? Data(contentsOf: file)).map { [UInt8]($0) }
    }

    /// A regular file; a link is not followed, it could lead anywhere.
    private static func isFile(_ url: URL) -> Bool {
        (try? FileManager.default.attributesOfItem(atPath: url.path))?[.type] as? FileAttributeType == .typeRegular
    }

    /// What git knows or would take; nil where there is no git, or no repository.
    private static func listed(_ root: URL, _ folders: [String]) -> [String]? {
        let git = Process()
        git.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        git.arguments =
            ["git", "-C", root.path, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"] + folders
        let output = Pipe()
        git.standardOutput = output
        git.standardError = FileHandle.nullDevice
        guard (try? git.run()) != nil else { return nil }
        let data = output.fileHandleForReading.readDataToEndOfFile()
        git.waitUntilExit()
        guard git.terminationStatus == 0 else { return nil }
        return Set(data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }).sorted()
    }

    private static func walked(_ root: URL, _ folders: [String]) -> [String] {
        folders.flatMap { folder -> [String] in
            let prefix = folder == "." ? "" : folder + "/"
            let names = FileManager.default.enumerator(atPath: root.appendingPathComponent(folder).path)
            var paths: [String] = []
            while let name = names?.nextObject() as? String {
                if name.split(separator: "/").last?.hasPrefix(".") == true {
                    names?.skipDescendants()
                } else {
                    paths.append(prefix + name)
                }
            }
            return paths
        }
    }
}
