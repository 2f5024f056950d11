// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import HTTPBridge
import Loops
import Testing

/// What a server does not take.
@Suite(.timeLimit(.minutes(5))) struct ServerLimitTests {
    private func answer(
        to text: String,
        name: String = #function,
        _ change: @Sendable (inout HTTPServer.Configuration) -> Void = { _ in }
    ) async throws -> String {
        try await withLoop(name) { loop in
            let server = try HTTPServer(
                loop: loop,
                configuration: ServerErrors().configuration(change),
                handler: .future { _ in Future.succeeded("fine") }
            )
            let port = server.port
            return try await onThread {
                let client = try RawSocket(connectingTo: port)
                defer { client.shut() }
                client.send(text)
                return client.receiveReply()
            }
        }
    }

    @Test(
        "E15: a header over the limit is refused with a 400",
        arguments: [
            "GET / HTTP/1.1\r\nX: \(String(repeating: "x", count: 5000))\r\n\r\n",
            "GET / HTTP/1.1\r\nX: \(String(repeating: "x", count: 5000))",
            "GET /\(String(repeating: "x", count: 5000)) HTTP/1.1\r\n\r\n",
        ]
    )
    func headerTooLarge(_ text: String) async throws {
        #expect(try await answer(to: text) { $0.maxHeaderBytes = 4096 }.hasPrefix("HTTP/1.1 400 "))
    }

    @Test(
        "E15: a body over the limit is refused with a 413",
        arguments: [
            "POST / HTTP/1.1\r\nContent-Length: 5000\r\n\r\n" + String(repeating: "x", count: 5000),
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1388\r\n",
        ]
    )
    func bodyTooLarge(_ text: String) async throws {
        #expect(try await answer(to: text) { $0.maxBodyBytes = 4096 }.hasPrefix("HTTP/1.1 413 "))
    }

    @Test(
        "E15: what is not HTTP is refused with a 400, an unknown method with a 501",
        arguments: [
            ("nonsense\r\n\r\n", "HTTP/1.1 400 "), ("GET / HTTP/1.1\r\nno colon\r\n\r\n", "HTTP/1.1 400 "),
            ("BREW / HTTP/1.1\r\n\r\n", "HTTP/1.1 501 "),
        ]
    )
    func malformed(_ text: String, _ status: String) async throws {
        #expect(try await answer(to: text).hasPrefix(status))
    }

    @Test("E15: a connection that is silent too long is closed")
    func idleTimeout() async throws {
        let answer = try await answer(to: "GET / HT") { $0.idleTimeout = .milliseconds(50) }
        #expect(answer == "")
    }

    @Test("HT7: connections over the limit wait until one has closed")
    func maxConnections() async throws {
        try await withLoop { loop in
            let server = try HTTPServer(
                loop: loop,
                configuration: ServerErrors().configuration { $0.maxConnections = 2 },
                handler: .future { _ in Future.succeeded("fine") }
            )
            let first = try (0..<2).map { _ in try RawSocket(connectingTo: server.port) }
            var open = 0
            while open < 2 { open = try await server.openConnections().value }
            let third = try RawSocket(connectingTo: server.port)
            third.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
            for _ in 0..<20 { #expect(try await server.openConnections().value == 2) }
            // One that never sent anything makes room.
            first[0].shut()
            #expect(try await onThread { third.receiveAll() }.hasSuffix("fine"))
            first[1].shut()
            third.shut()
            while open > 0 { open = try await server.openConnections().value }
        }
    }

    @Test("HT8: a port that is taken is named at once")
    func portTaken() async throws {
        try await withLoop { loop in
            let server = try HTTPServer(loop: loop, handler: .future { _ in Future.succeeded("fine") })
            for (host, port) in [("127.0.0.1", server.port), ("not an address", 0)] {
                let error = #expect(throws: HTTPServerError.self) {
                    try HTTPServer(loop: loop, host: host, port: port, handler: .blocking { _ in "never" })
                }
                guard case .cannotListen = error?.reason else {
                    Issue.record("\(String(describing: error))")
                    return
                }
            }
        }
    }

    @Test("E15: an unhandled error goes to the reporter, a client that leaves does not")
    func defaultSink() async throws {
        struct MarkedError: Error {}
        try await withLoop { loop in
            let reports = ReportCollector(containing: "MarkedError")
            let server = try HTTPServer(
                loop: loop,
                handler: .future { _ -> Future<HTTPResponse> in throw MarkedError() }
            )
            #expect(try await HTTPClient(loop: loop).fetch(server.url).value.status == 500)
            #expect(await reports.settledReports().count == 1)
        }
    }
}
