// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import HTTPBridge
import Loops
import Testing

private let limit = 4096

/// Every way in which a fetch can fail, against peers that are broken in just that way.
@Suite(.timeLimit(.minutes(5))) struct ClientErrorTests {
    private func reasonOf(
        _ text: String,
        name: String = #function
    ) async throws -> HTTPError.Reason? {
        try await withLoop(name) { loop in
            let client = HTTPClient(loop: loop, maxHeaderBytes: limit, maxBodyBytes: limit)
            let peer = try RawPeer.answering(text)
            let reason = await reason(client.fetch(peer.url))
            try await peer.ended.value
            return reason
        }
    }

    @Test("E15: a refused connection is named")
    func refused() async throws {
        try await withLoop { loop in
            let client = HTTPClient(loop: loop)
            let port = try RawPeer.deadPort()
            #expect(await reason(client.fetch("http://127.0.0.1:\(port)/")) == .refused)
        }
    }

    @Test("E15: all addresses of a name are tried, in their order, before a fetch fails")
    func allAddresses() async throws {
        try await withLoop { loop in
            let server = try HTTPServer(loop: loop, handler: .future { _ in Future.succeeded("found") })
            let resolver = Resolver { name in
                switch name {
                // Nobody listens at the first two; the broadcast address fails in the call, not afterwards.
                case "some.test": ["255.255.255.255", "127.0.0.2", "::1", "127.0.0.1"]
                case "none.test": ["255.255.255.255", "127.0.0.2"]
                default: throw Resolver.Failure("no such name")
                }
            }
            let client = HTTPClient(loop: loop, limits: ClientLimits(), resolver: resolver)
            let request = HTTPRequest(.post, "http://some.test:\(server.port)/", body: "text")
            #expect(try await client.fetch(request).value.body.text == "found")
            #expect(await reason(client.fetch("http://none.test:\(server.port)/")) == .refused)
            #expect(await reason(client.fetch("http://other.test/")) == .unknownHost("no such name"))
        }
    }

    @Test("E15: a resolver that does not answer holds up a bounded number of look-ups, and names the others")
    func silentResolver() async throws {
        try await withLoop { loop in
            let (mayAnswer, lookUps) = (Flag(), OrderRecorder())
            let resolver = Resolver(threads: 1, waiting: 1) { name in
                lookUps.record(name)
                _ = blockUntil { mayAnswer.isUp }
                return ["127.0.0.1"]
            }
            let limits = ClientLimits(connectTimeout: .milliseconds(50))
            let client = HTTPClient(loop: loop, limits: limits, resolver: resolver)
            let first = client.fetch("http://one.test:1/").future()
            #expect(await eventually { lookUps.count == 1 })
            #expect(await reason(first) == .connectTimeout(limits.connectTimeout))
            // The thread is still held; the place in the queue is given back by each that has given up.
            for _ in 0..<3 {
                #expect(await reason(client.fetch("http://two.test:1/")) == .connectTimeout(limits.connectTimeout))
            }
            let patient = HTTPClient(loop: loop, limits: ClientLimits(), resolver: resolver)
            let waiting = patient.fetch("http://three.test:1/").future()
            guard case .cannotResolve? = await reason(patient.fetch("http://four.test:1/")) else {
                Issue.record("not refused")
                return
            }
            mayAnswer.raise()
            #expect(await reason(waiting) == .refused)
            #expect(lookUps.entries == ["one.test", "three.test"])
        }
    }

    @Test("E15: a connection that the peer breaks is a reset")
    func reset() async throws {
        try await withLoop { loop in
            let client = HTTPClient(loop: loop)
            let peer = try RawPeer { connection in
                connection.receiveHeader()
                connection.reset()
            }
            #expect(await reason(client.fetch(peer.url)) == .reset)
            let halfway = try RawPeer { connection in
                connection.receiveHeader()
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
                connection.reset()
            }
            #expect(await reason(client.fetch(halfway.url)) == .reset)
        }
    }

    @Test(
        "E15: a connection closed before the reply is complete is an error",
        arguments: [
            "", "HTTP/1.1 2", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        ]
    )
    func closedEarly(_ text: String) async throws {
        #expect(try await reasonOf(text) == .closedEarly)
    }

    @Test(
        "E15: what is not HTTP is malformed",
        arguments: [
            "SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/1.1\r\n\r\n", "HTTP/1.1 zero OK\r\n\r\n", "HTTP/x.y 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon here\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        ]
    )
    func malformed(_ text: String) async throws {
        #expect(try await reasonOf(text) == .malformedReply)
    }

    @Test(
        "E15: a body over the limit is refused: announced, chunked, or until the end",
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: \(limit + 1)\r\n\r\nx",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                + String(repeating: "400\r\n\(String(repeating: "x", count: 1024))\r\n", count: 5) + "0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000\r\nxx",
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + String(repeating: "x", count: limit + 1),
        ]
    )
    func bodyTooLarge(_ text: String) async throws {
        #expect(try await reasonOf(text) == .bodyTooLarge(limit: limit))
    }

    @Test(
        "E15: a header over the limit is refused: a long line, an endless one, many lines, a long status",
        arguments: [
            "HTTP/1.1 200 OK\r\nX: \(String(repeating: "x", count: limit))\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX: \(String(repeating: "x", count: 3 * limit))",
            "HTTP/1.1 200 OK\r\n" + String(repeating: "X: \(String(repeating: "x", count: 50))\r\n", count: 100)
                + "\r\n",
            "HTTP/1.1 200 \(String(repeating: "x", count: limit))\r\n\r\n",
            String(repeating: "x", count: 3 * limit),
        ]
    )
    func headerTooLarge(_ text: String) async throws {
        #expect(try await reasonOf(text) == .headerTooLarge(limit: limit))
    }

    @Test(
        "E15: what is no URL is named at once",
        arguments: ["", "nonsense", "/path", "http://", "http:///path", "http://a b/", "http://host:99999/", "//host/"]
    )
    func invalidURL(_ url: String) async {
        #expect(await reason(HTTPClient().fetch(url)) == .invalidURL)
    }

    @Test("E15: other schemes are named")
    func schemes() async {
        #expect(await reason(HTTPClient().fetch("https://localhost/")) == .unsupportedScheme("https"))
        #expect(await reason(HTTPClient().fetch("FTP://localhost/")) == .unsupportedScheme("ftp"))
    }

    @Test("E15: a name without an address is named", arguments: [String(repeating: "x", count: 70)])
    func unknownHost(_ label: String) async {
        guard case .unknownHost = await reason(HTTPClient().fetch("http://\(label).invalid/")) else {
            Issue.record("another outcome")
            return
        }
    }

    @Test("E15: a header field with a line break is refused by name, in a request and in a reply")
    func lineBreaks() async throws {
        try await withLoop { loop in
            let errors = ServerErrors()
            let server = try HTTPServer(
                loop: loop,
                configuration: errors.configuration(),
                handler: .future { _ in Future.succeeded(HTTPResponse("x", headers: ["X-Bad": "a\r\nSet-Cookie: b"])) }
            )
            let client = HTTPClient(loop: loop)
            for bad in ["a\r\nX-Other: b", "a\nb", "a\0b"] {
                let request = HTTPRequest(.get, server.url, headers: ["X-Bad": bad])
                #expect(await reason(client.fetch(request)) == .invalidHeader("X-Bad"))
            }
            let reply = try await client.fetch(server.url).value
            #expect(reply.status == 500 && reply.headers["Set-Cookie"] == nil)
            guard case .invalidHeader("X-Bad") = errors.all.first?.reason else {
                Issue.record("reported: \(errors.all)")
                return
            }
        }
    }
}
