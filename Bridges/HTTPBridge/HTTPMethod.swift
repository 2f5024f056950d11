// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CLibevent

/// The method of a request.
public enum HTTPMethod: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// Asks for the resource.
    case get = "GET"
    /// Asks for the headers of the resource.
    case head = "HEAD"
    /// Sends something to the resource.
    case post = "POST"
    /// Replaces the resource.
    case put = "PUT"
    /// Removes the resource.
    case delete = "DELETE"
    /// Changes the resource in part.
    case patch = "PATCH"
    /// Asks what can be done with the resource.
    case options = "OPTIONS"
    /// Asks for the request as it arrived.
    case trace = "TRACE"

    /// `GET` and so on.
    public var description: String { rawValue }

    /// Sending it twice is as good as once (RFC 9110, 9.2.2).
    var isIdempotent: Bool { self != .post && self != .patch }

    var command: evhttp_cmd_type {
        switch self {
        case .get: EVHTTP_REQ_GET
        case .head: EVHTTP_REQ_HEAD
        case .post: EVHTTP_REQ_POST
        case .put: EVHTTP_REQ_PUT
        case .delete: EVHTTP_REQ_DELETE
        case .patch: EVHTTP_REQ_PATCH
        case .options: EVHTTP_REQ_OPTIONS
        case .trace: EVHTTP_REQ_TRACE
        }
    }

    init?(_ command: evhttp_cmd_type) {
        switch command {
        case EVHTTP_REQ_GET: self = .get
        case EVHTTP_REQ_HEAD: self = .head
        case EVHTTP_REQ_POST: self = .post
        case EVHTTP_REQ_PUT: self = .put
        case EVHTTP_REQ_DELETE: self = .delete
        case EVHTTP_REQ_PATCH: self = .patch
        case EVHTTP_REQ_OPTIONS: self = .options
        case EVHTTP_REQ_TRACE: self = .trace
        default: return nil
        }
    }

    /// What a server lets through to its handler.
    static var allCommands: UInt16 { allCases.reduce(0) { $0 | UInt16($1.command.rawValue) } }
}
