// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// What a server could not do.
public struct HTTPServerError: Error, Sendable, CustomStringConvertible {
    /// What went wrong.
    public enum Reason: Sendable {
        /// The address cannot be listened on; with the system's error number.
        case cannotListen(address: String, code: Int32)
        /// The client left before it had its reply. The handler was cancelled, and a reply it still gave was dropped.
        case clientGone
        /// The handler failed; the client was sent a 500.
        case handlerFailed(any Error)
        /// The reply cannot be sent because of this header field; the client was sent a 500.
        case invalidHeader(String)
        /// The reply's status is none that ends a request; the client was sent a 500.
        case invalidStatus(Int)
        /// New connections cannot be accepted for now; with the system's error number.
        case cannotAccept(code: Int32)
    }

    /// What went wrong.
    public let reason: Reason
    /// The request that was being handled, such as `GET /page`; nil if there was none.
    public let request: String?

    init(_ reason: Reason, _ request: HTTPRequest? = nil) {
        self.reason = reason
        self.request = request?.description
    }

    /// What happened, where it began, what to do.
    public var description: String {
        let place = request.map { "\($0): " } ?? ""
        return "HTTPServerError: \(place)\(text)"
    }

    private var text: String {
        switch reason {
        case .cannotListen(let address, let code):
            "cannot listen on \(address) (error \(code) of the system). Is the port taken, or reserved for the administrator?"
                + " Port 0 takes a free one."
        case .clientGone: "the client left before it had its reply; the handler was cancelled."
        case .handlerFailed(let error):
            "the handler threw \(error.sentence) The client was sent a 500; catch the error in the handler."
        case .invalidHeader(let name):
            "the reply's header field \(name) has a line break in it, so the client was sent a 500. Remove it."
        case .invalidStatus(let status):
            "the reply's status \(status) is not in 200...999, so the client was sent a 500."
        case .cannotAccept(let code):
            "cannot accept connections (error \(code) of the system); the next try is in a tenth of a second. Raise the limit"
                + " of descriptors, or lower maxConnections."
        }
    }
}
