// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import HTTPBridge
import Loops
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// One battery for the three styles of a handler: the same server, the same tests.
@Suite(.timeLimit(.minutes(5))) struct ServerTests {
    @Test("HT1: a handler of every style is given the request and gives the reply", arguments: Style.allCases)
    func requestAndReply(_ style: Style) async throws {
        try await withLoop { loop in
            let server = try HTTPServer(
                loop: loop,
                handler: style.handler { request in
                    let text =
                        "\(request.method) \(request.path) \(request.query ?? "-") \(request.headers["X-In"] ?? "-")"
                    return .succeeded(
                        HTTPResponse(HTTPBody(text + " " + request.body.text), status: 201, headers: ["X-Out": "out"])
                    )
                }
            )
            let client = HTTPClient(loop: loop)
            let request = HTTPRequest(.post, server.url + "a%20b?q=1", headers: ["x-in": "in"], body: "body")
            let reply = try await client.fetch(request).value
            #expect(reply.body.text == "POST /a b q=1 in body")
            #expect(reply.status == 201)
            #expect(reply.headers["x-out"] == "out")
            #expect(reply.headers["content-type"] == "text/plain; charset=utf-8")
        }
    }

    @Test("HT2: a handler that waits does not delay another one", arguments: Style.allCases)
    func slowAndFast(_ style: Style) async throws {
        try await withLoop { loop in
            let gate = Gate()
            let server = try HTTPServer(
                loop: loop,
                handler: style.handler { request in request.path == "/slow" ? gate.pass(request) : .succeeded("fast") }
            )
            let client = HTTPClient(loop: loop)
            let slow = client.fetch(server.url + "slow").future()
            #expect(await eventually { gate.arrived == 1 })
            for _ in 0..<3 { #expect(try await client.fetch(server.url + "fast").value.body.text == "fast") }
            #expect(!slow.isCompleted)
            gate.letThrough("slow")
            #expect(try await slow.value.body.text == "slow")
        }
    }

    @Test("HT3: a handler that fails is a 500 and a report, and the connection goes on", arguments: Style.allCases)
    func failingHandler(_ style: Style) async throws {
        struct Oops: Error {}
        try await withLoop { loop in
            let errors = ServerErrors()
            let server = try HTTPServer(
                loop: loop,
                configuration: errors.configuration(),
                handler: style.handler { request in
                    if request.path == "/throws" { throw Oops() }
                    if request.path == "/fails" { return .failed(Oops()) }
                    if request.path == "/status" { return .succeeded(HTTPResponse("x", status: 100)) }
                    return .succeeded("fine")
                }
            )
            let client = HTTPClient(loop: loop)
            #expect(try await client.fetch(server.url + "throws").value.status == 500)
            #expect(try await client.fetch(server.url + "fails").value.status == 500)
            #expect(try await client.fetch(server.url + "status").value.status == 500)
            #expect(try await client.fetch(server.url).value.body.text == "fine")
            #expect(errors.all.map(\.request) == ["GET /throws", "GET /fails", "GET /status"])
            for error in errors.all.prefix(2) {
                guard case .handlerFailed(let cause) = error.reason else {
                    Issue.record("\(error)")
                    continue
                }
                #expect(cause is Oops)
            }
        }
    }

    @Test("HT4, E15: a client that leaves has its handler cancelled, by name", arguments: Style.allCases)
    func clientLeaves(_ style: Style) async throws {
        try await withLoop { loop in
            let (errors, gate) = (ServerErrors(), Gate())
            let server = try HTTPServer(
                loop: loop,
                configuration: errors.configuration(),
                handler: style.handler { gate.pass($0) }
            )
            for (number, leave) in [(1, RawSocket.shut), (2, RawSocket.reset), (3, RawSocket.shutWriting)] {
                let client = try RawSocket(connectingTo: server.port)
                client.send("GET /\(number) HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(await eventually { gate.arrived == number })
                leave(client)()
                #expect(await eventually { gate.cancelled == number && errors.all.count == number })
                guard case .clientGone = errors.all[number - 1].reason else {
                    Issue.record("\(errors.all)")
                    return
                }
                #expect(errors.all[number - 1].request == "GET /\(number)")
                if number == 3 { client.shut() }
            }
            #expect(try await server.openConnections().value == 0)
        }
    }

    @Test("HT5: requests on one connection are answered in order, also when sent ahead", arguments: Style.allCases)
    func oneConnection(_ style: Style) async throws {
        try await withLoop { loop in
            let server = try HTTPServer(
                loop: loop,
                handler: style.handler { .succeeded(HTTPResponse(HTTPBody($0.path))) }
            )
            let port = server.port
            let replies = try await onThread {
                let client = try RawSocket(connectingTo: port)
                defer { client.shut() }
                var replies: [String] = []
                for n in 0..<3 {
                    client.send("GET /\(n) HTTP/1.1\r\nHost: x\r\n\r\n")
                    replies.append(client.receiveReply())
                }
                client.send((3..<6).map { "GET /\($0) HTTP/1.1\r\nHost: x\r\n\r\n" }.joined())
                for _ in 3..<6 { replies.append(client.receiveReply()) }
                return replies
            }
            for (n, reply) in replies.enumerated() {
                #expect(reply.hasPrefix("HTTP/1.1 200 OK\r\n") && reply.hasSuffix("\r\n\r\n/\(n)"))
            }
            #expect(replies.count == 6)
        }
    }

    @Test("HT1: a reply that is more than the socket takes at once arrives whole, and the connection goes on")
    func largeReply() async throws {
        try await withLoop { loop in
            let body = String(repeating: "0123456789abcdef", count: 1 << 19)
            let server = try HTTPServer(
                loop: loop,
                handler: .future { request in
                    Future.succeeded(HTTPResponse(HTTPBody(request.path == "/large" ? body : "small")))
                }
            )
            let port = server.port
            let replies = try await onThread {
                let client = try RawSocket(connectingTo: port)
                defer { client.shut() }
                return ["large", "", "large", ""].map { path in
                    client.send("GET /\(path) HTTP/1.1\r\nHost: x\r\n\r\n")
                    return client.receiveReply()
                }
            }
            for (n, reply) in replies.enumerated() {
                #expect(reply.hasPrefix("HTTP/1.1 200 ") && reply.hasSuffix("\r\n\r\n" + (n % 2 == 0 ? body : "small")))
            }
        }
    }

    @Test("HT4: the client may leave before it has taken its reply")
    func clientLeavesWhileWriting() async throws {
        try await withLoop { loop in
            let errors = ServerErrors()
            let server = try HTTPServer(
                loop: loop,
                configuration: errors.configuration(),
                handler: .future { _ in
                    Future.succeeded(HTTPResponse(HTTPBody(String(repeating: "0123456789abcdef", count: 1 << 19))))
                }
            )
            for number in 1...3 {
                let client = try RawSocket(connectingTo: server.port)
                client.send("GET /\(number) HTTP/1.1\r\nHost: x\r\n\r\n")
                _ = try await onThread { client.receive(1) }
                client.reset()
                #expect(await eventually { errors.all.count == number })
                guard case .clientGone = errors.all.last?.reason else {
                    Issue.record("\(errors.all)")
                    return
                }
            }
            #expect(try await server.openConnections().value == 0)
        }
    }

    @Test("HT9: a server adds type, length and date where they are missing, and only there")
    func addedFields() async throws {
        try await withLoop { loop in
            let server = try HTTPServer(
                loop: loop,
                handler: .future { request -> Future<HTTPResponse> in
                    switch request.path {
                    case "/own":
                        .succeeded(
                            HTTPResponse("x", headers: ["content-type": "a/b", "CONTENT-LENGTH": "1", "date": "d"])
                        )
                    case "/none": .succeeded(HTTPResponse(status: 204))
                    default: .succeeded("x")
                    }
                }
            )
            let port = server.port
            let (before, replies, after) = try await onThread {
                let client = try RawSocket(connectingTo: port)
                defer { client.shut() }
                let before = time(nil)
                let replies = ["", "own", "none"].map { path in
                    client.send("GET /\(path) HTTP/1.1\r\nHost: x\r\n\r\n")
                    return client.receiveReply()
                }
                return (before, replies, time(nil))
            }
            func values(_ name: String, _ reply: String) -> [String] {
                reply.split(separator: "\r\n").filter { $0.lowercased().hasPrefix(name + ": ") }
                    .map { String($0.dropFirst(name.count + 2)) }
            }
            #expect(values("content-type", replies[0]) == ["text/plain; charset=utf-8"])
            #expect(values("content-length", replies[0]) == ["1"])
            let dates = values("date", replies[0])
            #expect(dates.count == 1 && (before...after).map(dateText).contains(dates[0]), "\(dates)")
            #expect(values("content-type", replies[1]) == ["a/b"])
            #expect(values("content-length", replies[1]) == ["1"])
            #expect(values("date", replies[1]) == ["d"])
            #expect(values("content-type", replies[2]) == [] && values("content-length", replies[2]) == [])
        }
    }

    private func dateText(_ second: time_t) -> String {
        var (second, parts) = unsafe (second, tm())
        unsafe gmtime_r(&second, &parts)
        return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
            unsafe strftime(text.baseAddress!, 64, "%a, %d %b %Y %H:%M:%S GMT", &parts)
            return unsafe String(cString: text.baseAddress!)
        }
    }

    @Test("HT6: a stop lets the requests under way finish and takes no more", arguments: Style.allCases)
    func gracefulStop(_ style: Style) async throws {
        try await withLoop { loop in
            let gate = Gate()
            let server = try HTTPServer(loop: loop, handler: style.handler { gate.pass($0) })
            let client = HTTPClient(loop: loop)
            let idle = try RawSocket(connectingTo: server.port)
            let pending = client.fetch(server.url).future()
            #expect(await eventually { gate.arrived == 1 })
            let stopped = server.stop()
            #expect(try await onThread { idle.receive() } == nil)
            idle.shut()
            #expect(await reason(client.fetch(server.url)) == .refused)
            #expect(!stopped.isCompleted)
            gate.letThrough()
            let reply = try await pending.value
            #expect(reply.body.text == "passed" && reply.headers["Connection"] == "close")
            try await stopped.value
        }
    }

    @Test("HT6: a stop whose time is over cancels the handlers and closes the connections", arguments: Style.allCases)
    func hardStop(_ style: Style) async throws {
        try await withLoop { loop in
            let gate = Gate()
            let server = try HTTPServer(loop: loop, handler: style.handler { gate.pass($0) })
            let client = HTTPClient(loop: loop)
            let pending = client.fetch(server.url).future()
            #expect(await eventually { gate.arrived == 1 })
            try await server.stop(within: .milliseconds(20)).value
            #expect(await eventually { gate.cancelled == 1 })
            #expect([.closedEarly, .reset].contains(await reason(pending)))
            try await server.stop().value
        }
    }

    @Test("HT6: the end of the loop is the end of its servers", arguments: Style.allCases)
    func loopStops(_ style: Style) async throws {
        let gate = Gate()
        let loop = try IOLoop.onOwnThread(name: "stopping")
        let server = try HTTPServer(loop: loop, handler: style.handler { gate.pass($0) })
        let client = HTTPClient()
        let pending = client.fetch(server.url).future()
        #expect(await eventually { gate.arrived == 1 })
        loop.stop()
        try await loop.stopped.value
        #expect(await eventually { gate.cancelled == 1 })
        #expect([.closedEarly, .reset].contains(await reason(pending)))
        try await server.stop().value
        #expect(throws: LoopClosed.self) { try HTTPServer(loop: loop, handler: style.handler { gate.pass($0) }) }
    }
}
