// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures
public import Loops

/// An HTTP/1.1 server on a loop.
///
///     let server = try HTTPServer { request in HTTPResponse("Hello, \(request.path)") }
///     print("http://127.0.0.1:\(server.port)/")
///
/// It serves from the first turn of its loop after it was made, until ``stop(within:)`` or the loop's end; it keeps itself
/// and its loop alive as long. Requests on one connection are handled one after the other, those on different ones at the
/// same time: a handler that waits delays nobody else.
///
/// - Executor: Thread-safe. Handlers run as their style says.
public final class HTTPServer: Sendable {
    /// Limits of a server, and where its errors go.
    public struct Configuration: Sendable {
        /// How large the header of a request may be; a larger one is answered with 400.
        public var maxHeaderBytes = 65_536
        /// How large the body of a request may be; a larger one is answered with 413.
        public var maxBodyBytes = 1_048_576
        /// How long a connection may be silent, between requests, within one, or while it does not take its reply. Zero is
        /// for ever.
        public var idleTimeout = Duration.seconds(60)
        /// How many connections are open at most. Further ones wait in the system's queue until one has closed.
        public var maxConnections = 10_000
        /// How many connections the system's queue holds.
        public var backlog = 1024
        /// Is given what went wrong; by default all goes to the `Reporter` but clients that left, which is their right.
        ///
        /// - Executor: The server's loop.
        public var onError: @Sendable (HTTPServerError) -> Void = { error in
            if case .clientGone = error.reason { return }
            Reporter.report(.message("\(error)"))
        }

        /// The defaults.
        public init() {}
    }

    private let core: ServerCore

    /// The port that is listened on.
    public let port: UInt16

    /// Starts listening, and serving when the loop runs.
    ///
    /// - Parameters:
    ///   - loop: Where the work is done.
    ///   - host: The address to listen on, in numbers. Only this machine by default.
    ///   - port: The port to listen on; 0 takes a free one, see ``port-property``.
    ///   - handler: What to do with requests.
    /// - Errors: ``HTTPServerError`` if the address cannot be listened on; `LoopClosed`.
    public init(
        loop: IOLoop = .shared,
        host: String = "127.0.0.1",
        port: UInt16 = 0,
        configuration: Configuration = Configuration(),
        handler: HTTPHandler
    ) throws {
        let listener = try ListeningSocket(host: host, port: port, backlog: configuration.backlog)
        self.port = listener.port
        core = ServerCore(loop: loop, configuration: configuration, handler: handler)
        try core.start(on: listener)
    }

    /// Starts a server whose handler is a blocking function, run in a greenlet for each request.
    ///
    /// - Errors: As ``init(loop:host:port:configuration:handler:)``.
    public convenience init(
        loop: IOLoop = .shared,
        port: UInt16 = 0,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ handler: @escaping @Sendable (HTTPRequest) throws -> HTTPResponse
    ) throws {
        try self.init(loop: loop, port: port, handler: .blocking(fileID: fileID, line: line, handler))
    }

    /// Stops the server: it takes no more connections and closes the idle ones; requests under way are answered.
    ///
    /// Can be called again, with a shorter time.
    ///
    /// - Executor: From any thread.
    /// - Parameter grace: How long the requests under way may take; after it their handlers are cancelled and their
    ///   connections closed. Zero does so at once.
    /// - Returns: Completes, on the loop, when the last connection has closed.
    @discardableResult
    public func stop(within grace: Duration = .seconds(10)) -> Future<Void> {
        core.stop(within: grace)
        return core.stopped
    }

    /// How many connections are open. For monitoring and tests.
    ///
    /// - Executor: Completes on the loop.
    public func openConnections() -> Future<Int> { core.ask { $0.open } }
}
