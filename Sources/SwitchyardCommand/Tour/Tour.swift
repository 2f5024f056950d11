// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CLegacyFetch
import Switchyard

/// One fetch, every style, end to end.
struct Tour {
    private let options: TourOptions

    init(_ options: TourOptions) { self.options = options }

    /// Runs the tour; the result is its last line.
    func run() throws -> String {
        // The legacy library shares libevent with the loops, and may start only after they have set it up.
        _ = IOLoop.shared
        if !options.urls.isEmpty {
            let count = options.urls.count
            Output.print("switchyard tour: \(count) \(count == 1 ? "URL" : "URLs") of your own")
            return try fetchAll(options.urls, answers: nil, reference: "what the synchronous style got")
        }
        let files = try ServedFiles.find(options.directory)
        let server = try TourServer(files)
        Output.print("switchyard tour: \(files.summary), served by a loop of our own on \(server.origin)")
        defer { server.stop() }
        return try fetchAll(files.paths.map(server.url(for:)), answers: files.contents, reference: "the file on disk")
    }

    private func fetchAll(_ urls: [String], answers: [[UInt8]]?, reference: String) throws -> String {
        let requests = options.requests ?? urls.count
        var answers = answers
        var total = 0
        for style in [Style.synchronous] + Style.others {
            let tally = Tally(
                urls: urls,
                requests: requests,
                concurrency: options.concurrency,
                answers: answers,
                reference: reference
            )
            try run(style, tally)
            answers = tally.answers
            total += tally.ended
        }
        return "tour: \(Style.others.count + 1) styles, \(total) requests, all equal"
    }

    private func run(_ style: Style, _ tally: Tally) throws {
        var progress = Progress(style.name)
        _ = legacy_most_in_flight()
        let clock = ContinuousClock()
        var begin = clock.now
        if let start = style.start {
            try finish(start(tally), tally, &progress)
        } else {
            while let request = tally.next() {
                tally.record(request, Result { try fetchBlocking(tally.url(request)) })
                if request == 0, tally.problem == nil {
                    // Not before the first answer: where there is none, the error stands alone.
                    let pause = clock.now
                    Output.print(ListingText.introduction)
                    begin = begin.advanced(by: clock.now - pause)
                }
                progress.show(tally)
            }
        }
        let time = clock.now - begin
        progress.clear()
        let mostInFlight = Int(legacy_most_in_flight())
        let isFirst = style.start == nil
        if tally.problem == nil || tally.ended > 1 {
            if isFirst { Output.print(Table.header) }
            Output.print(Table.row(style.name, tally, mostInFlight: mostInFlight, time: time))
        }
        guard let problem = tally.problem else { return }
        // The first style has had every answer, one at a time.
        let isTooMuch = !isFirst && tally.concurrency > 1 && !options.urls.isEmpty
        throw TourFailed(style.name, problem, concurrency: isTooMuch ? tally.concurrency : nil)
    }

    /// The main thread blocks, and looks up now and then.
    private func finish(_ work: some Awaitable<Void>, _ tally: Tally, _ progress: inout Progress) throws {
        let work = work.future()
        while true {
            do {
                return try work.wait(timeout: .milliseconds(100))
            } catch is TimedOut {
                progress.show(tally)
            }
        }
    }
}

/// Something was not as it has to be.
struct TourFailed: Error, CustomStringConvertible {
    /// The tour's last line.
    let summary: String
    let description: String

    /// - Parameter concurrency: How many requests were in flight, if that may be why.
    init(_ style: String, _ problem: Tally.Problem, concurrency: Int?) {
        switch problem {
        case .unequal(let sentence):
            summary = "\(style): an answer is not equal"
            description = "\(style): \(sentence)"
        case .failed(let sentence):
            summary = "\(style): a request failed"
            var text = "\(style): \(sentence)"
            if let concurrency {
                text +=
                    "; one at a time all was answered, so the server may take fewer than \(concurrency) connections at once:"
                    + " try a smaller --concurrency"
            }
            description = text
        }
    }
}
