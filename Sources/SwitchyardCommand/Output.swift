// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What the command writes, at once: progress is for reading while it happens, also through a pipe.
enum Output {
    /// Results, to standard output.
    static func print(_ text: String) { write(text + "\n", to: 1) }

    /// An error, to standard error.
    static func complain(_ text: String) { writeError(text + "\n") }

    /// Progress, to standard error.
    static func writeError(_ text: String) { write(text, to: 2) }

    /// Somebody watches standard error on a terminal.
    static var isTerminal: Bool { isatty(2) == 1 }

    private static func write(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe systemWrite(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            // A reader that has gone is no reason to stop: the exit status still tells.
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}

#if canImport(Glibc)
private let systemWrite = unsafe Glibc.write
#elseif canImport(Musl)
private let systemWrite = unsafe Musl.write
#else
private let systemWrite = unsafe Darwin.write
#endif
