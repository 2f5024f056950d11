// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// The tour's table, a line at a time.
struct Table {
    private static let widths = [31, 9, 12, 6, 10, 10]

    static let header = line(["style", "requests", "bytes", "equal", "in flight", "time"])

    /// One style's line.
    static func row(_ style: String, _ tally: Tally, mostInFlight: Int, time: Duration) -> String {
        line([
            style, "\(tally.ended)", "\(tally.bytes)", verdict(tally.problem), "\(mostInFlight)", seconds(time),
        ])
    }

    private static func verdict(_ problem: Tally.Problem?) -> String {
        switch problem {
        case nil: "yes"
        case .failed: "failed"
        case .unequal: "NO"
        }
    }

    private static func line(_ cells: [String]) -> String {
        zip(cells, widths).enumerated().map { place, cell in
            let space = String(repeating: " ", count: max(0, cell.1 - cell.0.count))
            return place == 0 ? cell.0 + space : space + cell.0
        }.joined(separator: " ")
    }

    /// Seconds with three places.
    private static func seconds(_ duration: Duration) -> String {
        let milliseconds = duration / .milliseconds(1)
        let rounded = Int(milliseconds.rounded())
        let places = String(1000 + rounded % 1000).dropFirst()
        return "\(rounded / 1000).\(places) s"
    }
}
