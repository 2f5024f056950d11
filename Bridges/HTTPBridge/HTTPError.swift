// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// A fetch that brought no reply.
public struct HTTPError: Error, Sendable, CustomStringConvertible {
    /// What went wrong.
    public enum Reason: Sendable, Hashable {
        /// The text is not an absolute URL with a host.
        case invalidURL
        /// Only `http` is spoken here, not what the URL asks for.
        case unsupportedScheme(String)
        /// A header field has a line break in its name or value.
        case invalidHeader(String)
        /// The host's name has no address; with the resolver's words.
        case unknownHost(String)
        /// The host's name could not be looked up: no thread for it, or too many look-ups that wait for a resolver which
        /// does not answer; with the reason.
        case cannotResolve(String)
        /// Nobody listens at the address.
        case refused
        /// The connection could not be made; with the system's error number.
        case cannotConnect(code: Int32)
        /// The peer, or something on the way, broke the connection.
        case reset
        /// The peer closed the connection before its reply was complete.
        case closedEarly
        /// What came is not HTTP/1.
        case malformedReply
        /// The reply's body is larger than the client's limit.
        case bodyTooLarge(limit: Int)
        /// The reply's header is larger than the client's limit.
        case headerTooLarge(limit: Int)
        /// The connection was not made in time.
        case connectTimeout(Duration)
        /// The reply was not complete in time.
        case requestTimeout(Duration)
        /// The fetch was still in the queue, behind others, when its time was over.
        case queueTimeout(Duration, maxConcurrent: Int)
        /// The client was closed.
        case clientClosed
    }

    /// What went wrong.
    public let reason: Reason
    /// The request, such as `GET http://127.0.0.1:8080/page`.
    public let request: String

    init(_ reason: Reason, _ request: HTTPRequest) {
        self.reason = reason
        self.request = request.description
    }

    /// What happened, where it began, what to do.
    public var description: String { "HTTPError: \(request): \(text)" }

    private var text: String {
        switch reason {
        case .invalidURL:
            "this is no URL that can be fetched. Write it whole, such as http://host:80/path?query, and escaped."
        case .unsupportedScheme(let scheme):
            "the scheme \(scheme) is not supported, only http is. Encrypted connections need a proxy that ends them."
        case .invalidHeader(let name):
            "the header field \(name) has a line break in it, which would end the field. Remove it."
        case .unknownHost(let why): "the host's name has no address (\(why)). Check its spelling, and the resolver."
        case .cannotResolve(let why):
            "the host's name could not be looked up (\(why)). Fetch fewer names at once, and look at the system's resolver."
        case .refused:
            "the connection was refused: nobody listens there. Check host and port, and that the server runs."
        case .cannotConnect(let code):
            "the connection could not be made (error \(code) of the system). Check the network and the address."
        case .reset:
            "the peer broke the connection before its reply was complete. It may have crashed, or have refused the request;"
                + " try again if the request may be sent twice."
        case .closedEarly:
            "the peer closed the connection before its reply was complete. Try again if the request may be sent twice."
        case .malformedReply: "what came is not an HTTP/1 reply. Check that the port belongs to a web server."
        case .bodyTooLarge(let limit):
            "the reply's body is larger than \(limit) bytes. Raise the client's maxBodyBytes if that is to be accepted."
        case .headerTooLarge(let limit):
            "the reply's header is larger than \(limit) bytes. Raise the client's maxHeaderBytes if that is to be accepted."
        case .connectTimeout(let limit):
            "the connection was not made within \(limit). Check the network, or raise connectTimeout (zero: none)."
        case .requestTimeout(let limit):
            "the reply was not complete within \(limit). Raise requestTimeout (zero: none), or look at the server."
        case .queueTimeout(let limit, let maxConcurrent):
            "it was still in the client's queue after \(limit), behind \(maxConcurrent) others under way. Raise maxConcurrent"
                + " or requestTimeout."
        case .clientClosed: "the client was closed. Keep it open as long as fetches are under way, or make a new one."
        }
    }
}
