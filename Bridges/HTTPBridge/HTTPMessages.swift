// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// A request: what a client sends, and what a server's handler is given.
public struct HTTPRequest: Sendable, CustomStringConvertible {
    /// What to do.
    public var method: HTTPMethod
    /// For a client the whole URL, such as `http://127.0.0.1:8080/page?n=1`; in a handler what the client sent of it, as
    /// a rule path and query.
    public var url: String
    /// The header fields. A client adds `Host`, `Content-Length` and, for a body, `Content-Type` where they are missing,
    /// to what it sends and never to this value.
    public var headers: HTTPHeaders
    /// The body, empty for most methods.
    public var body: HTTPBody

    /// Makes a request.
    public init(_ method: HTTPMethod = .get, _ url: String, headers: HTTPHeaders = [:], body: HTTPBody = []) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }

    /// The path with its escapes decoded: `/a b` for `/a%20b?n=1`.
    public var path: String { Self.decoded(url.prefix { $0 != "?" && $0 != "#" }) }

    /// What follows the `?`, as it was sent; nil if there is none.
    public var query: String? {
        guard let mark = url.firstIndex(of: "?") else { return nil }
        return String(url[url.index(after: mark)...].prefix { $0 != "#" })
    }

    /// `GET /page`.
    public var description: String { "\(method) \(url)" }

    private static func decoded(_ text: Substring) -> String {
        guard text.contains("%") else { return String(text) }
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2)
            if byte == UInt8(ascii: "%"), digits.count == 2, let code = UInt8(Substring(digits), radix: 16) {
                bytes.append(code)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// A reply: what a server's handler returns, and what a client's fetch delivers, whatever its status.
public struct HTTPResponse: Sendable, CustomStringConvertible {
    /// The status, such as 200. Any that a server sends is a reply, not an error.
    public var status: Int
    /// The header fields. A server adds `Content-Type`, `Content-Length` and `Date` where they are missing.
    public var headers: HTTPHeaders
    /// The body.
    public var body: HTTPBody

    /// Makes a reply.
    public init(_ body: HTTPBody = [], status: Int = 200, headers: HTTPHeaders = [:]) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The status and the size.
    public var description: String { "HTTPResponse(\(status), \(body.count) bytes)" }
}

extension HTTPResponse: ExpressibleByStringInterpolation {
    /// Makes a reply with status 200 of the text written down.
    public init(stringLiteral value: String) { self.init(HTTPBody(value)) }
}
