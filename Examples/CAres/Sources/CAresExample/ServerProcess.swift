// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Switchyard

/// This program once more, as the name server: a process can be killed.
actor ServerProcess {
    private let loop: IOLoop
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var unread = Data()

    init(on loop: IOLoop) throws {
        self.loop = loop
        process.executableURL = Bundle.main.executableURL
        process.arguments = ["serve"]
        // Held open for as long as this process lives, however that ends; then the server ends, too.
        process.standardInput = input
        process.standardOutput = output
        try process.run()
    }

    /// The next line it prints; nil at its end.
    func line() async throws -> String? {
        let handle = output.fileHandleForReading
        while true {
            if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                defer { unread = Data(unread[(end + 1)...]) }
                return String(decoding: unread[..<end], as: UTF8.self)
            }
            try await loop.readable(handle.fileDescriptor).value
            let data = handle.availableData
            if data.isEmpty { return nil }
            unread += data
        }
    }

    /// Kills it, as a crash would, and returns when it is gone.
    func kill() async throws {
        Foundation.kill(process.processIdentifier, SIGKILL)
        while try await line() != nil {}
    }
}
