// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import HTTPBridge
import Loops
import Testing

/// Time, numbers, and the ends of a client.
@Suite(.timeLimit(.minutes(5))) struct ClientLimitTests {
    @Test("T27, E15: a connection that is not made in time has its own error")
    func connectTimeout() async throws {
        try await withLoop { loop in
            // A listener whose queue is full: the system answers no further attempts.
            let listener = try RawSocket()
            let port = try listener.listen(backlog: 0)
            let fillers = try (0..<4).map { _ in
                let socket = try RawSocket()
                socket.setNonblocking()
                _ = socket.connect(to: port)
                return socket
            }
            let client = HTTPClient(loop: loop, connectTimeout: .milliseconds(100))
            #expect(
                await reason(client.fetch("http://127.0.0.1:\(port)/")) == .connectTimeout(.milliseconds(100))
            )
            for socket in fillers + [listener] { socket.shut() }
        }
    }

    @Test("T27, E15: a reply that is not complete in time has its own error, and the connection is closed")
    func requestTimeout() async throws {
        try await withLoop { loop in
            let peer = try RawPeer { connection in
                connection.receiveHeader()
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
                connection.receiveAll()
                connection.shut()
            }
            let client = HTTPClient(loop: loop, requestTimeout: .milliseconds(100))
            #expect(await reason(client.fetch(peer.url)) == .requestTimeout(.milliseconds(100)))
            try await peer.ended.value
        }
    }

    @Test("T27: time in the queue counts against the timeout, with its own message")
    func queueTimeout() async throws {
        try await withLoop { loop in
            let gate = Gate()
            let server = try HTTPServer(loop: loop, handler: .future { gate.pass($0) })
            let client = HTTPClient(loop: loop, maxConcurrent: 1)
            let first = client.fetch(server.url).future()
            #expect(await eventually { gate.arrived == 1 })
            let limit = Duration.milliseconds(50)
            let late = client.fetch(HTTPRequest(.get, server.url), requestTimeout: limit)
            let error = await #expect(throws: HTTPError.self) { try await late.value }
            #expect(error?.reason == .queueTimeout(limit, maxConcurrent: 1))
            #expect(error?.description.contains("queue") == true)
            gate.letThrough()
            #expect(try await first.value.body.text == "passed")
            #expect(gate.arrived == 1)
        }
    }

    @Test("T27: a timeout of zero is none")
    func zeroIsNone() async throws {
        try await withLoop { loop in
            let gate = Gate()
            let server = try HTTPServer(loop: loop, handler: .future { gate.pass($0) })
            let client = HTTPClient(loop: loop, connectTimeout: .zero, requestTimeout: .zero)
            let endless = client.fetch(server.url).future()
            #expect(await eventually { gate.arrived == 1 })
            let limited = client.fetch(HTTPRequest(.get, server.url), requestTimeout: .milliseconds(50))
            #expect(await reason(limited) == .requestTimeout(.milliseconds(50)))
            #expect(!endless.isCompleted)
            gate.letThrough()
            #expect(try await endless.value.status == 200)
        }
    }

    @Test("T27: no more fetches are under way than allowed, and all get their turn in order")
    func bounded() async throws {
        try await withLoop { loop in
            let gate = Gate()
            let server = try HTTPServer(loop: loop, handler: .future { gate.pass($0) })
            let client = HTTPClient(loop: loop, maxConcurrent: 3)
            let order = OrderRecorder()
            let fetches = (0..<12).map { n in
                client.fetch(server.url + "\(n)").map { _ in order.record("\(n)") }.future()
            }
            for passed in 0..<12 {
                #expect(await eventually { gate.arrived == min(12, passed + 3) })
                gate.letThrough()
                #expect(await eventually { order.count == passed + 1 })
            }
            for fetch in fetches { try await fetch.value }
            #expect(gate.most == 3)
            #expect(order.entries == (0..<12).map { "\($0)" })
        }
    }

    @Test("T27: the caller's headers are not changed, though more are sent")
    func headersUnchanged() async throws {
        try await withLoop { loop in
            let server = try HTTPServer(
                loop: loop,
                handler: .future { request in Future.succeeded(HTTPResponse(HTTPBody("\(request.headers)"))) }
            )
            let client = HTTPClient(loop: loop)
            let request = HTTPRequest(.post, server.url, headers: ["X-One": "1"], body: "text")
            let seen = try await client.fetch(request).value.body.text
            #expect(request.headers == ["X-One": "1"])
            #expect(seen.contains("X-One: 1") && seen.contains("Host: 127.0.0.1:\(server.port)"))
            #expect(seen.contains("Content-Length: 4") && seen.contains("Content-Type: text/plain"))
        }
    }

    @Test("E15: cancelling a fetch closes its connection, ends it at once and makes room for the next")
    func cancellation() async throws {
        try await withLoop { loop in
            let arrived = Promise<Void>()
            let peer = try RawPeer { connection in
                connection.receiveHeader()
                arrived.succeed(())
                connection.receiveAll()
                connection.shut()
            }
            let server = try HTTPServer(loop: loop, handler: .future { _ in Future.succeeded("next") })
            let client = HTTPClient(loop: loop, maxConcurrent: 1)
            let fetch = client.fetch(peer.url).future()
            let next = client.fetch(server.url).future()
            try await arrived.future.value
            #expect(fetch.cancel() == .stopped)
            #expect(fetch.isCancelled)
            try await peer.ended.value
            #expect(try await next.value.body.text == "next")
        }
    }

    @Test("E15: a fetch cancelled in the queue is never sent")
    func cancellationInQueue() async throws {
        try await withLoop { loop in
            let gate = Gate()
            let server = try HTTPServer(loop: loop, handler: .future { gate.pass($0) })
            let client = HTTPClient(loop: loop, maxConcurrent: 1)
            let fetches = (0..<3).map { client.fetch(server.url + "\($0)").future() }
            #expect(await eventually { gate.arrived == 1 })
            #expect(fetches[1].cancel() == .stopped)
            gate.letThrough("first")
            #expect(try await fetches[0].value.body.text == "first")
            #expect(await eventually { gate.arrived == 2 })
            gate.letThrough("third")
            #expect(try await fetches[2].value.body.text == "third")
            #expect(gate.arrived == 2)
        }
    }

    @Test("E15: leaving an awaited fetch cancels it")
    func taskCancellation() async throws {
        try await withLoop { loop in
            let gate = Gate()
            let server = try HTTPServer(loop: loop, handler: .future { gate.pass($0) })
            let client = HTTPClient(loop: loop)
            let task = Task { try await client.fetch(server.url).value }
            #expect(await eventually { gate.arrived == 1 })
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(await eventually { gate.cancelled == 1 })
        }
    }

    @Test("T27, E15: closing fails what is under way, what is queued and what comes later, each by name")
    func close() async throws {
        try await withLoop { loop in
            let gate = Gate()
            let server = try HTTPServer(loop: loop, handler: .future { gate.pass($0) })
            let client = HTTPClient(loop: loop, maxConcurrent: 2)
            let fetches = (0..<4).map { _ in client.fetch(server.url).future() }
            #expect(await eventually { gate.arrived == 2 })
            client.close()
            client.close()
            for fetch in fetches { #expect(await reason(fetch) == .clientClosed) }
            #expect(await reason(client.fetch(server.url)) == .clientClosed)
            #expect(await eventually { gate.cancelled == 2 })
        }
    }

    @Test("E15: a loop that stops fails its fetches by name")
    func loopStops() async throws {
        let loop = try IOLoop.onOwnThread(name: "stopping")
        let arrived = Promise<Void>()
        let peer = try RawPeer { connection in
            connection.receiveHeader()
            arrived.succeed(())
            connection.receiveAll()
            connection.shut()
        }
        let client = HTTPClient(loop: loop, maxConcurrent: 1)
        let fetches = [client.fetch(peer.url).future(), client.fetch(peer.url).future()]
        try await arrived.future.value
        loop.stop()
        for fetch in fetches { await #expect(throws: LoopClosed.self) { try await fetch.value } }
        try await peer.ended.value
        await #expect(throws: LoopClosed.self) { try await client.fetch(peer.url).value }
    }

    @Test("E15: a client that is dropped elsewhere while its loop stops closes what it kept")
    func droppedWhileStopping() async throws {
        let loop = try IOLoop.onOwnThread(name: "stopping")
        let peer = try RawPeer { connection in
            connection.receiveHeader()
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1")
            connection.receiveAll()
            connection.shut()
        }
        let holder = Holder(HTTPClient(loop: loop))
        #expect(try await holder.client?.fetch(peer.url).value.body.text == "1")
        loop.post {
            // From here on the loop takes nothing from other threads, and has not ended.
            loop.stop()
            let dropped = WorkerPool.shared.submit { holder.drop() }
            _ = blockUntil { dropped.isCompleted }
        }
        try await loop.stopped.value
        try await peer.ended.value
    }

    private final class Holder: Sendable {
        private let state: Lock<HTTPClient?>
        init(_ client: HTTPClient) { state = Lock(client) }
        var client: HTTPClient? { state.withLock { $0 } }
        func drop() {
            let client = state.withLock { $0.take() }
            _ = consume client
        }
    }

    @Test("E15: a look-up that ends while the loop stops touches nothing of the client elsewhere")
    func resolvedWhileStopping() async throws {
        let loop = try IOLoop.onOwnThread(name: "stopping")
        let (mayAnswer, hasAnswered, isStopping) = (Flag(), Flag(), Flag())
        // One thread: when it comes to the second name it has delivered the first one's address.
        let resolver = Resolver(threads: 1) { name in
            if name == "slow.test" { _ = blockUntil { mayAnswer.isUp } } else { hasAnswered.raise() }
            return ["127.0.0.1"]
        }
        let peer = try RawPeer { connection in
            connection.receiveHeader()
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            connection.receiveAll()
            connection.shut()
        }
        let fetch = try await { () async throws -> Future<HTTPResponse> in
            let client = HTTPClient(loop: loop, limits: ClientLimits(), resolver: resolver)
            #expect(try await client.fetch(peer.url).value.status == 200)
            return client.fetch("http://slow.test/").future()
        }()
        try await loop.submit {}.value
        loop.post {
            loop.stop()
            isStopping.raise()
            _ = blockUntil { hasAnswered.isUp }
        }
        #expect(await eventually { isStopping.isUp })
        mayAnswer.raise()
        try await withLoop { other in
            let client = HTTPClient(loop: other, limits: ClientLimits(), resolver: resolver)
            let next = client.fetch("http://next.test:1/").future()
            await #expect(throws: LoopClosed.self) { try await fetch.value }
            _ = try? await next.value
        }
        try await loop.stopped.value
        try await peer.ended.value
    }

    @Test("T27: a fetch that cannot be sent is refused at once, also where it would have to queue")
    func refusedBeforeTheQueue() async throws {
        try await withLoop { loop in
            let gate = Gate()
            let server = try HTTPServer(loop: loop, handler: .future { gate.pass($0) })
            let client = HTTPClient(loop: loop, maxConcurrent: 1)
            let first = client.fetch(server.url).future()
            #expect(await eventually { gate.arrived == 1 })
            let fetch = client.fetch(HTTPRequest(.get, server.url, headers: ["X-Bad": "a\nb"])).future()
            #expect(fetch.isCompleted)
            #expect(await reason(fetch) == .invalidHeader("X-Bad"))
            gate.letThrough()
            #expect(try await first.value.status == 200)
        }
    }

    @Test("T27: kept connections that servers have closed do not keep others from being kept")
    func closedConnectionsAreForgotten() async throws {
        try await withLoop { loop in
            let client = HTTPClient(loop: loop, maxConcurrent: 1, requestTimeout: .seconds(60))
            let reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
            let closing = try RawPeer.answering(reply)
            _ = try await client.fetch(closing.url).value
            try await closing.ended.value
            // A sleep of the loop is a poll, in which the end of that connection is seen.
            try await Future<Void>.sleep(for: .milliseconds(1), on: loop).value
            let staying = try RawPeer { connection in
                for _ in 0..<2 {
                    connection.receiveHeader()
                    connection.send(reply)
                }
                connection.shut()
            }
            #expect(try await client.fetch(staying.url).value.status == 200)
            #expect(try await client.fetch(staying.url).value.status == 200)
            try await staying.ended.value
        }
    }
}
