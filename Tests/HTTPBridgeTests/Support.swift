// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import HTTPBridge
import Loops
import Testing

/// Runs a test with a loop of its own, and ends the loop.
func withLoop<R: Sendable>(
    _ name: String = #function,
    isolation: isolated (any Actor)? = #isolation,
    _ body: (IOLoop) async throws -> R
) async throws -> R {
    let loop = try IOLoop.onOwnThread(name: name)
    do {
        let result = try await body(loop)
        loop.stop()
        try await loop.stopped.value
        return result
    } catch {
        loop.stop()
        try await loop.stopped.value
        throw error
    }
}

/// The reason of the error that the fetch ends with, nil if it does not.
func reason(_ call: some Awaitable<HTTPResponse>) async -> HTTPError.Reason? {
    do {
        let response = try await call.value
        Issue.record("there was a reply: \(response)")
        return nil
    } catch let error as HTTPError {
        #expect(error.description.hasPrefix("HTTPError: GET ") || error.description.hasPrefix("HTTPError: POST "))
        return error.reason
    } catch {
        Issue.record("another error: \(error)")
        return nil
    }
}

/// The styles in which a handler can be written. The logic of a test is the same for all of them.
enum Style: CaseIterable, Sendable {
    case blocking, async, future

    func handler(_ logic: @escaping @Sendable (HTTPRequest) throws -> Future<HTTPResponse>) -> HTTPHandler {
        switch self {
        case .blocking: .blocking { request in try logic(request).wait() }
        case .async: .async { request in try await logic(request).value }
        case .future: .future { request in try logic(request) }
        }
    }
}

/// Replies that are given when the test says so.
final class Gate: Sendable {
    private struct State {
        var promises: [Promise<HTTPResponse>] = []
        var futures: [Future<HTTPResponse>] = []
        var open = 0
        var most = 0
    }

    private let state = Lock(State())

    /// A reply for later.
    func pass(_ request: HTTPRequest) -> Future<HTTPResponse> {
        let promise = Promise<HTTPResponse>("a reply for \(request)")
        state.withLock { state in
            state.promises.append(promise)
            state.futures.append(promise.future)
            state.open += 1
            state.most = max(state.most, state.open)
        }
        return promise.future
    }

    /// How many came so far.
    var arrived: Int { state.withLock { $0.futures.count } }
    /// How many were there at once, at most.
    var most: Int { state.withLock { $0.most } }
    /// How many of those that came were cancelled.
    var cancelled: Int { state.withLock { $0.futures.count(where: \.isCancelled) } }

    /// Lets the longest-waiting one through.
    func letThrough(_ response: HTTPResponse = "passed") {
        let promise: Promise<HTTPResponse>? = state.withLock { state in
            guard !state.promises.isEmpty else { return nil }
            state.open -= 1
            return state.promises.removeFirst()
        }
        promise?.tryComplete(.success(response))
    }
}

/// What a server reported.
final class ServerErrors: Sendable {
    private let list = Lock<[HTTPServerError]>([])
    var all: [HTTPServerError] { list.withLock { $0 } }

    func configuration(_ change: (inout HTTPServer.Configuration) -> Void = { _ in }) -> HTTPServer.Configuration {
        var configuration = HTTPServer.Configuration()
        configuration.onError = { [self] error in list.withLock { $0.append(error) } }
        change(&configuration)
        return configuration
    }
}

extension HTTPServer {
    var url: String { "http://127.0.0.1:\(port)/" }
}

/// What one thread tells another.
final class Flag: Sendable {
    private let state = Lock(false)
    var isUp: Bool { state.withLock { $0 } }
    func raise() { state.withLock { $0 = true } }
}
