// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import Loops

/// The requests of one style: which come next, and what came of them.
final class Tally: Sendable {
    /// The first thing that went wrong, in a sentence.
    enum Problem {
        /// A request brought no answer, or an error.
        case failed(String)
        /// An answer was not as it has to be.
        case unequal(String)
    }

    private struct State {
        var begun = 0
        var ended = 0
        var bytes = 0
        var answers: [[UInt8]?]
        var problem: Problem?
    }

    let urls: [String]
    let requests: Int
    let concurrency: Int
    private let reference: String
    private let state: Lock<State>

    /// - Parameters:
    ///   - answers: What each URL has to bring; nil takes the first answer for right.
    ///   - reference: What `answers` are, in a sentence.
    init(urls: [String], requests: Int, concurrency: Int, answers: [[UInt8]]?, reference: String) {
        self.urls = urls
        self.requests = requests
        self.concurrency = min(concurrency, requests)
        self.reference = reference
        state = Lock(State(answers: answers ?? Array(repeating: nil, count: urls.count)))
    }

    /// The next request, by its number; nil when all have begun, or one has gone wrong.
    func next() -> Int? {
        state.withLock { state in
            guard state.begun < requests, state.problem == nil else { return nil }
            defer { state.begun += 1 }
            return state.begun
        }
    }

    func url(_ request: Int) -> String { urls[request % urls.count] }

    /// Notes how a request ended, and compares.
    func record(_ request: Int, _ outcome: Result<[UInt8], any Error>) {
        let place = request % urls.count
        // Comparing outside of the lock: what an answer has to be is only ever set once.
        let expected = state.withLock { $0.answers[place] }
        let problem: Problem? =
            switch outcome {
            case .failure(let error): .failed("\(urls[place]): \(error)")
            case .success(let body) where expected.map { $0 == body } ?? true: nil
            case .success(let body):
                .unequal(
                    "\(urls[place]): the \(body.count) bytes that came are not equal to \(reference)"
                        + " (\(expected?.count ?? 0) bytes)"
                )
            }
        state.withLock { state in
            state.ended += 1
            if case .success(let body) = outcome {
                state.bytes += body.count
                if state.answers[place] == nil { state.answers[place] = body }
            }
            if state.problem == nil { state.problem = problem }
        }
    }

    /// All requests that began have ended, and no further one will begin.
    var isOver: Bool {
        state.withLock { $0.ended == $0.begun && ($0.begun == requests || $0.problem != nil) }
    }

    var ended: Int { state.withLock { $0.ended } }
    var bytes: Int { state.withLock { $0.bytes } }
    var problem: Problem? { state.withLock { $0.problem } }
    var answers: [[UInt8]] { state.withLock { $0.answers.map { $0 ?? [] } } }
}
