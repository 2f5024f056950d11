// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures
import Greenlets
public import Loops

/// What a server does with a request, in any style: a blocking function, an async one, or one that returns something
/// awaitable. They serve alike; the style only decides what the handler may write.
///
///     HTTPServer(handler: .blocking { request in HTTPResponse(try lookUp(request.path).wait()) })
///     HTTPServer(handler: .async { request in HTTPResponse(try await page(request.path)) })
///     HTTPServer(handler: .future { request in find(request.path).map { HTTPResponse($0) } })
///
/// - Cancellation: When the client leaves before its reply, the run is cancelled: a greenlet is killed, a task cancelled,
///   a future left. Half-closing a connection counts as leaving.
/// - Errors: What a handler throws goes to the server's error sink, and the client is sent a 500.
public struct HTTPHandler: Sendable {
    let respond: @Sendable (HTTPRequest, IOLoop) -> Future<HTTPResponse>

    /// Makes a handler of the common form of all styles; for a style of one's own.
    ///
    /// - Parameter respond: Called on the server's loop, and must not block there. The future may complete anywhere.
    public init(_ respond: @escaping @Sendable (HTTPRequest, IOLoop) -> Future<HTTPResponse>) { self.respond = respond }

    /// A handler that returns something awaitable.
    ///
    /// - Executor: Called on the server's loop, and must not block there. What it returns may complete anywhere.
    public static func future(
        _ body: @escaping @Sendable (HTTPRequest) throws -> some Awaitable<HTTPResponse>
    ) -> HTTPHandler {
        HTTPHandler { request, _ in
            do { return try body(request).future() } catch { return .failed(error) }
        }
    }

    /// An asynchronous handler: a task for each request.
    ///
    /// - Executor: Starts on the server's loop and prefers it; `await` leads elsewhere and back.
    public static func async(
        _ body: @escaping @Sendable (HTTPRequest) async throws -> HTTPResponse
    ) -> HTTPHandler {
        HTTPHandler { request, loop in
            let promise = Promise<HTTPResponse>("a handler's reply")
            let task = Task(executorPreference: loop) {
                do { promise.tryComplete(.success(try await body(request))) } catch {
                    promise.tryComplete(.failure(error))
                }
            }
            promise.onCancel(answering: {
                task.cancel()
                return .tooLate
            })
            return promise.future
        }
    }

    /// A blocking handler: a greenlet for each request, in which everything may be waited for.
    ///
    /// - Executor: The server's loop, on a stack of its own.
    public static func blocking(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: @escaping @Sendable (HTTPRequest) throws -> HTTPResponse
    ) -> HTTPHandler {
        HTTPHandler { request, loop in
            Greenlet.spawn(on: loop, fileID: fileID, line: line) { try body(request) }.future()
        }
    }
}
