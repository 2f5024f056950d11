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
            Output.print("switchyard tour: \(options.urls.count) URLs of your own")
            return try fetchAll(options.urls, answers: nil, reference: "what the synchronous style got")
        }
        let files = try ServedFiles.find(options.directory)
        let server = try TourServer(files)
        Output.print("switchyard tour: \(files.summary), served by a loop of our own on \(server.origin)")
        defer { server.stop() }
        return try fetchAll(files.paths.map(server.url(for:)), answers: files.contents, reference: "the file on disk")
    }

    private func fetchAll(_ urls: [String], answers: [[UInt8]]?, reference: String) throws -> String {
        Output.print(ListingText.introduction)
        Output.print(Table.header)
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
        let begin = clock.now
        if let start = style.start {
            try finish(start(tally), tally, &progress)
        } else {
            while let request = tally.next() {
                tally.record(request, Result { try fetchBlocking(tally.url(request)) })
                progress.show(tally)
            }
        }
        let time = clock.now - begin
        progress.clear()
        let mostInFlight = Int(legacy_most_in_flight())
        if let problem = tally.problem {
            if tally.ended > 1 { Output.print(Table.row(style.name, tally, mostInFlight: mostInFlight, time: time)) }
            throw TourFailed(description: "\(style.name): \(problem)")
        }
        Output.print(Table.row(style.name, tally, mostInFlight: mostInFlight, time: time))
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
    let description: String
}
