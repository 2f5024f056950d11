// An HTTP server whose handlers are written in three styles, and a client.

import Switchyard

// snippet.hide
func lookUp(_ path: String) -> Call<String> {
    Call(from: { Future<Void>.sleep(for: .milliseconds(1)).map { "page \(path)" } })
}
// snippet.show

// snippet.handlers
/// Blocking code, in a greenlet for each request: where it waits, other requests go on.
let blocking = HTTPHandler.blocking { request in
    HTTPResponse(HTTPBody(try lookUp(request.path).wait()))
}

/// An async function, in a task for each request.
let native = HTTPHandler.async { request in
    HTTPResponse(HTTPBody(try await lookUp(request.path).value))
}

/// A function that returns something awaitable.
let future = HTTPHandler.future { request in
    lookUp(request.path).map { text in HTTPResponse(HTTPBody(text)) }
}
// snippet.end

// snippet.serve
func serveAndFetch(_ handler: HTTPHandler) async throws -> String {
    let server = try HTTPServer(handler: handler)
    let client = HTTPClient(maxConcurrent: 4, requestTimeout: .seconds(5))
    let url = "http://127.0.0.1:\(server.port)/first"
    let text = try await client.fetch(url).value.body.text
    let same = try await Greenlet.run { try client.fetch(url).wait().body.text }
    try await server.stop().value
    return text == same ? text : "different"
}
// snippet.end

// snippet.hide
@main
enum ServeAndFetch {
    static func main() async throws {
        for handler in [blocking, native, future] { print(try await serveAndFetch(handler)) }
    }
}
