// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import HTTPBridge
import Loops
import Testing

/// What a client does when all goes well.
@Suite(.timeLimit(.minutes(5))) struct ClientTests {
    @Test("T27: one client serves every style")
    func styles() async throws {
        try await withLoop { loop in
            let server = try HTTPServer(
                loop: loop,
                handler: .future { Future.succeeded(HTTPResponse(HTTPBody($0.url))) }
            )
            let client = HTTPClient(loop: loop)
            let fetch = client.fetch(server.url + "page?n=1")

            #expect(try await fetch.value.body.text == "/page?n=1")
            #expect(try await fetch.future().map(\.body.text).value == "/page?n=1")
            #expect(try await onThread { try fetch.wait().body.text } == "/page?n=1")
            #expect(try await Greenlet.spawn(on: loop) { try fetch.wait().body.text }.value == "/page?n=1")
            let seen = Promise<String>()
            fetch.callback { result in seen.complete(with: result.map(\.body.text)) }
            #expect(try await seen.future.value == "/page?n=1")
        }
    }

    @Test(
        "E15: bodies come whole: by length, in chunks, until the end, and of statuses without one",
        arguments: [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello"),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\nT: t\r\n\r\n", 200,
                "hello"
            ),
            ("HTTP/1.0 200 OK\r\n\r\nhello", 200, "hello"),
            ("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone", 404, "none"),
            ("HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
            ("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", 302, ""),
        ]
    )
    func bodies(_ text: String, _ status: Int, _ body: String) async throws {
        try await withLoop { loop in
            let peer = try RawPeer.answering(text)
            let reply = try await HTTPClient(loop: loop).fetch(peer.url).value
            #expect(reply.status == status)
            #expect(reply.body.text == body)
        }
    }

    @Test("E15: a 100 before the reply is passed over")
    func informational() async throws {
        try await withLoop { loop in
            let peer = try RawPeer { connection in
                connection.receiveHeader()
                connection.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
                connection.receiveAll()
                connection.shut()
            }
            let client = HTTPClient(loop: loop)
            #expect(try await client.fetch(peer.url).value.body.text == "hello")
            client.close()
            try await peer.ended.value
        }
    }

    @Test("E15: a connection is kept and used again for the same place")
    func keepAlive() async throws {
        try await withLoop { loop in
            // It accepts one connection only.
            let peer = try RawPeer { connection in
                for n in 1...3 {
                    connection.receiveHeader()
                    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\(n)")
                }
                connection.receiveAll()
                connection.shut()
            }
            let client = HTTPClient(loop: loop)
            for n in 1...3 { #expect(try await client.fetch(peer.url).value.body.text == "\(n)") }
            client.close()
            try await peer.ended.value
        }
    }

    @Test("E15: a kept connection that the server closes is replaced, for requests that may be sent twice")
    func staleConnection() async throws {
        for (method, isSentAgain) in [(HTTPMethod.get, true), (.post, false)] {
            try await withLoop { loop in
                // It answers the first request of each connection, and drops the second without a word.
                let peer = try RawPeer(connections: isSentAgain ? 2 : 1) { connection in
                    connection.receiveHeader()
                    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                    connection.receiveHeader()
                    connection.shut()
                }
                let client = HTTPClient(loop: loop)
                let request = HTTPRequest(method, peer.url)
                #expect(try await client.fetch(request).value.body.text == "ok")
                if isSentAgain {
                    #expect(try await client.fetch(request).value.body.text == "ok")
                    client.close()
                } else {
                    #expect(await reason(client.fetch(request)) == .closedEarly)
                }
                try await peer.ended.value
            }
        }
    }

    @Test("E15: a host's name is looked up without holding the loop")
    func names() async throws {
        try await withLoop { loop in
            let server = try HTTPServer(loop: loop, handler: .future { _ in Future.succeeded("by name") })
            let client = HTTPClient(loop: loop)
            #expect(try await client.fetch("http://localhost:\(server.port)/").value.body.text == "by name")
        }
    }

    @Test("E15: a HEAD has the length of the body and no body; methods and bodies arrive")
    func methods() async throws {
        try await withLoop { loop in
            let server = try HTTPServer(
                loop: loop,
                handler: .future { request in
                    Future.succeeded(HTTPResponse(HTTPBody("\(request.method) \(request.body.text)")))
                }
            )
            let client = HTTPClient(loop: loop)
            for method in HTTPMethod.allCases where method != .head {
                let body: HTTPBody = method == .trace ? [] : "sent"
                let reply = try await client.fetch(HTTPRequest(method, server.url, body: body)).value
                #expect(reply.body.text == "\(method) \(body.text)")
            }
            let head = try await client.fetch(HTTPRequest(.head, server.url)).value
            #expect(head.body.isEmpty)
            #expect(head.headers["content-length"] == "5")
        }
    }

    @Test("Headers keep their order, ignore case and hold several values")
    func headers() {
        var headers: HTTPHeaders = ["Accept": "a", "X": "1", "accept": "b"]
        #expect(headers["ACCEPT"] == "a")
        #expect(headers.values(for: "Accept") == ["a", "b"])
        headers["accept"] = "c"
        #expect(headers.map { "\($0.name)=\($0.value)" } == ["X=1", "accept=c"])
        headers["X"] = nil
        headers.add("", for: "Empty")
        #expect(headers["empty"] == "")
        #expect(headers == ["Accept": "c", "Empty": ""])
        headers["accept"] = nil
        headers["Empty"] = nil
        #expect(headers.isEmpty)
    }

    @Test("A request's path is decoded, its query is not")
    func paths() {
        let request = HTTPRequest(.get, "/a%20b/%C3%A4%zz%4?n=%201#x")
        #expect(request.path == "/a b/ä%zz%4")
        #expect(request.query == "n=%201")
        #expect(HTTPRequest(.get, "/").query == nil)
    }
}
