// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CLibevent
import Futures

/// One request and its reply on a connection: what evhttp calls, and what can be concluded from it.
///
/// evhttp says little about what went wrong, and in some cases nothing (E15). So the error of the connection attempt is
/// noted before evhttp forgets it, the bytes that arrive are counted, and the request object, which is ours until the end,
/// is looked at afterwards.
@safe
final class Exchange {
    enum Conclusion {
        case none
        case reply(HTTPResponse)
        /// A kept connection that was closed before the first byte of a reply.
        case stale
        case failure(HTTPError.Reason)
    }

    private enum Note {
        case reply
        case failed(evhttp_request_error?, code: Int32)
    }

    private unowned let fetch: Fetch
    private let connection: ClientConnection
    private let limits: ClientLimits
    private let wasUsed: Bool
    private var message: UnsafeMutablePointer<evhttp_request>!
    private var counter: OpaquePointer?
    private var received = 0
    private var isTooLarge = false
    private var note: Note?
    private var lastError: (evhttp_request_error, code: Int32)?
    private var connectError: Int32 = 0
    private var original: bufferevent_event_cb?
    private var originalArgument: UnsafeMutableRawPointer?

    init(for fetch: Fetch, on connection: ClientConnection, limits: ClientLimits) {
        self.fetch = fetch
        self.connection = connection
        self.limits = limits
        wasUsed = connection.isUsed
        unsafe message = evhttp_request_new(
            { reply, exchange in unsafe Exchange.from(exchange).replied(reply) },
            reference
        )
        // Ours, so that it can be looked at after evhttp has given it up.
        unsafe evhttp_request_own(message)
        unsafe evhttp_request_set_error_cb(message) { kind, exchange in
            unsafe Exchange.from(exchange).lastError = (kind, Evhttp.takeError())
        }
    }

    // SAFETY: evhttp calls between `begin` and `finish` only, and the fetch holds the exchange as long.
    private var reference: UnsafeMutableRawPointer { unsafe Unmanaged.passUnretained(self).toOpaque() }

    private static func from(_ reference: UnsafeMutableRawPointer?) -> Exchange {
        // SAFETY: as above.
        unsafe Unmanaged<Exchange>.fromOpaque(reference!).takeUnretainedValue()
    }

    // MARK: Sending

    /// Writes header and body.
    ///
    /// - Returns: The name of a header field that cannot be sent.
    func write(_ request: HTTPRequest, authority: String) -> String? {
        let headers = unsafe message.pointee.output_headers!
        if let name = unsafe Evhttp.add(request.headers, to: headers) { return name }
        if !request.headers.contains("Host") { unsafe evhttp_add_header(headers, "Host", authority) }
        guard !request.body.isEmpty else { return nil }
        if !request.headers.contains("Content-Type") {
            unsafe evhttp_add_header(headers, "Content-Type", request.body.defaultType)
        }
        // evhttp knows the length, and leaves it out for methods that seldom have a body.
        if !request.headers.contains("Content-Length") {
            unsafe evhttp_add_header(headers, "Content-Length", "\(request.body.count)")
        }
        unsafe Evhttp.add(request.body, to: message.pointee.output_buffer)
        return nil
    }

    /// Hands the request to evhttp, which connects first if it must.
    ///
    /// - Returns: False if that failed at once.
    func begin(_ method: HTTPMethod, target: String) -> Bool {
        let handle = unsafe connection.handle
        unsafe evhttp_connection_set_max_headers_size(handle, limits.maxHeaderBytes)
        unsafe evhttp_connection_set_max_body_size(handle, limits.maxBodyBytes)
        unsafe evhttp_request_set_header_cb(message) { message, exchange in
            // evhttp gives a chunked body that is too long and one that is garbage the same name, so that limit is ours.
            if unsafe message!.pointee.response_code != 100 {
                unsafe Exchange.from(exchange).liftBodyLimitIfChunked(message!)
            }
            return 0
        }
        unsafe counter = evbuffer_add_cb(
            connection.input,
            { _, change, exchange in
                if unsafe change!.pointee.n_added > 0 { unsafe Exchange.from(exchange).count(change!.pointee.n_added) }
            },
            reference
        )
        let mustConnect = !connection.isConnected
        guard unsafe evhttp_make_request(handle, message, method.command, target) == 0 else { return false }
        if mustConnect, note == nil { watchConnecting() }
        return true
    }

    /// Stands in for evhttp's own callback until the connection is made, or is not.
    private func watchConnecting() {
        let handle = unsafe connection.bufferevent
        unsafe bufferevent_getcb(handle, nil, nil, &original, &originalArgument)
        unsafe bufferevent_setcb(
            handle,
            nil,
            nil,
            { handle, what, exchange in unsafe Exchange.from(exchange).connecting(handle, what) },
            reference
        )
    }

    // MARK: Inside libevent

    private func connecting(_ handle: OpaquePointer?, _ what: Int16) {
        if Int32(what) & BEV_EVENT_CONNECTED != 0 {
            connection.isConnected = true
            fetch.connected()
        } else {
            connectError = Evhttp.takeError()
            Evhttp.setError(connectError)
        }
        unsafe original?(handle, what, originalArgument)
    }

    private func liftBodyLimitIfChunked(_ message: UnsafeMutablePointer<evhttp_request>) {
        let coding = unsafe evhttp_find_header(message.pointee.input_headers, "Transfer-Encoding")
        guard let coding = unsafe coding, unsafe evutil_ascii_strcasecmp(coding, "chunked") == 0 else { return }
        unsafe evhttp_connection_set_max_body_size(connection.handle, -1)
    }

    private func count(_ added: Int) {
        received += added
        guard !isTooLarge, unsafe message.pointee.chunked != 0 else { return }
        if unsafe message.pointee.body_size > limits.maxBodyBytes {
            isTooLarge = true
            fetch.report()
        }
    }

    private func replied(_ reply: UnsafeMutablePointer<evhttp_request>?) {
        guard note == nil else { return }
        if let reply = unsafe reply, unsafe reply.pointee.response_code != 0 {
            note = .reply
        } else {
            let error = lastError
            note = .failed(error?.0, code: error?.code ?? Evhttp.takeError())
        }
        fetch.report()
    }

    // MARK: Concluding

    func conclusion(wasConnected: Bool) -> Conclusion {
        if isTooLarge || hasLongChunks { return .failure(.bodyTooLarge(limit: limits.maxBodyBytes)) }
        switch note {
        case nil: return .none
        case .reply: return .reply(response())
        case .failed(_, let code) where !wasConnected:
            return .failure(Self.connectFailure(connectError != 0 ? connectError : code))
        case .failed(let kind, let code):
            let reason = failure(kind, code)
            if wasUsed, received == 0, reason == .reset || reason == .closedEarly { return .stale }
            return .failure(reason)
        }
    }

    private var hasLongChunks: Bool {
        unsafe message.pointee.chunked != 0 && message.pointee.body_size > limits.maxBodyBytes
    }

    private func response() -> HTTPResponse {
        unsafe HTTPResponse(
            Evhttp.body(message.pointee.input_buffer),
            status: Int(message.pointee.response_code),
            headers: Evhttp.headers(message.pointee.input_headers)
        )
    }

    private static func connectFailure(_ code: Int32) -> HTTPError.Reason {
        code == SystemError.refused ? .refused : .cannotConnect(code: code)
    }

    private func failure(_ kind: evhttp_request_error?, _ code: Int32) -> HTTPError.Reason {
        switch kind {
        case EVREQ_HTTP_INVALID_HEADER:
            isHeaderTooLarge ? .headerTooLarge(limit: limits.maxHeaderBytes) : .malformedReply
        case EVREQ_HTTP_DATA_TOO_LONG:
            unsafe message.pointee.chunked != 0 ? .malformedReply : .bodyTooLarge(limit: limits.maxBodyBytes)
        default: SystemError.isReset(code) ? .reset : .closedEarly
        }
    }

    /// evhttp gives a header that is too large and one that is garbage the same name. It counts the lines it has read,
    /// and does not count a first line that is too long; a line that is never finished shows in the bytes received.
    private var isHeaderTooLarge: Bool {
        let counted = unsafe message.pointee.headers_size
        if counted > limits.maxHeaderBytes { return true }
        let isStatusLineRead = unsafe message.pointee.response_code != 0
        return received > limits.maxHeaderBytes && (counted == 0 || isStatusLineRead)
    }

    // MARK: Ending

    /// Gives the connection up for other requests.
    func release() -> ClientConnection {
        finish(freeing: !connection.isConnected)
        connection.isUsed = true
        return connection
    }

    /// Closes the connection, whatever it is doing: the way to stop an exchange of which evhttp would say nothing.
    func abandon() { finish(freeing: true) }

    private func finish(freeing: Bool) {
        guard let message = unsafe message else { return }
        if freeing {
            connection.free()
        } else if let counter = unsafe counter {
            unsafe evbuffer_remove_cb_entry(connection.input, counter)
        }
        unsafe evhttp_request_free(message)
        unsafe self.message = nil
    }

    deinit { unsafe assert(message == nil, "an exchange was dropped without being finished") }
}
