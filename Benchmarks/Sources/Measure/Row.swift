// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

private import CMeasure

#if canImport(Glibc)
private import Glibc
#elseif canImport(Darwin)
private import Darwin
#endif

/// One measured piece of work, named on the command line.
package struct Row: Sendable {
    let name: String
    let run: @Sendable (Int) throws -> Double

    /// Work whose every part counts: `body` does it `count` times, and does a tenth of that first to warm up.
    package static func timed(_ name: String, _ body: @escaping @Sendable (_ count: Int) throws -> Void) -> Row {
        .stopwatch(name) { count, watch in try watch.time { try body(count) } }
    }

    /// Work with parts that do not count: `body` times what does.
    package static func stopwatch(
        _ name: String,
        _ body: @escaping @Sendable (_ count: Int, _ watch: inout Stopwatch) throws -> Void
    ) -> Row {
        Row(name: name) { count in
            var watch = Stopwatch()
            try body(max(count / 10, 10), &watch)
            watch = Stopwatch()
            try body(count, &watch)
            return Double(watch.nanoseconds) / Double(count)
        }
    }

    /// Something other than time: `body` answers the figure itself.
    package static func counted(_ name: String, _ body: @escaping @Sendable (_ count: Int) throws -> Double) -> Row {
        Row(name: name, run: body)
    }

    /// What a program of rows does: `PROGRAM ROW COUNT` prints one line, the row's name and its figure.
    package static func main(_ rows: [Row]) {
        let arguments = CommandLine.arguments
        guard arguments.count == 3, let row = rows.first(where: { $0.name == arguments[1] }),
            let count = Int(arguments[2]), count >= 10
        else {
            complain("usage: \(arguments[0]) ROW COUNT, with COUNT 10 or more and ROW one of:")
            complain(rows.map(\.name).joined(separator: " "))
            exit(2)
        }
        do {
            print(row.name, try row.run(count))
        } catch {
            complain("\(row.name): \(error)")
            exit(1)
        }
    }
}

/// Adds up the stretches of time that belong to the measurement.
package struct Stopwatch {
    package private(set) var nanoseconds: UInt64 = 0

    package init() {}

    @inline(__always)
    package mutating func time<Result>(_ body: () throws -> Result) rethrows -> Result {
        let start = now()
        defer { nanoseconds += now() - start }
        return try body()
    }

    @inline(never)
    private func now() -> UInt64 { measure_nanoseconds() }
}

/// Why a row cannot be measured here.
package struct RowError: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

private func complain(_ line: String) {
    let line = line + "\n"
    _ = write(2, line, line.utf8.count)
}
