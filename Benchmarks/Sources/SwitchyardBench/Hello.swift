// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import HTTPBridge
import Loops

/// The server of the rows for HTTP: a greenlet for each request, all of it on the calling thread. Serves until it is killed.
///
/// The reply is the peers', header by header: the type is theirs, evhttp adds length and date here as there.
func serveHello(port: UInt16) throws {
    let loop = try IOLoop(name: "hello")
    let server = try HTTPServer(loop: loop, port: port) { _ in
        HTTPResponse("Hello, world!\n", headers: ["Content-Type": "text/plain"])
    }
    print("ready on port", server.port)
    try loop.run()
}
