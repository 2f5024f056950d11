// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// How far a style is: one line that is rewritten on a terminal, elsewhere a line every two seconds.
struct Progress {
    private let style: String
    private let isTerminal = Output.isTerminal
    private let clock = ContinuousClock()
    private var last: ContinuousClock.Instant

    init(_ style: String) {
        self.style = style
        last = clock.now
    }

    /// Shows the state, unless it has been shown just now.
    mutating func show(_ tally: Tally) {
        guard !tally.isOver, clock.now - last >= (isTerminal ? .milliseconds(200) : .seconds(2)) else { return }
        last = clock.now
        let text = "\(style): \(tally.ended) of \(tally.requests) requests"
        Output.writeError(isTerminal ? "\r\(text) " : "\(text)\n")
    }

    /// Leaves an empty line for what comes next.
    func clear() {
        if isTerminal { Output.writeError("\r\u{1B}[K") }
    }
}
