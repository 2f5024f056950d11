// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CLibevent
import Futures
import Loops

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// One connection of a client, and the request of it that is being handled: one at a time.
///
///     idle ─▶ handling ─▶ writing ─▶ idle …        any ─▶ closed
// Accesses are not checked for exclusivity at run time: none spans a call to others.
// SAFETY: what changes is touched on the loop's thread only.
@safe
final class ServerConnection: @unchecked Sendable {  // SAFETY: one thread only, see above.
    private enum Phase { case idle, handling, writing, closed }

    /// evhttp's connection; valid until `phase` is closed.
    let handle: OpaquePointer
    private let core: ServerCore
    @safe @exclusivity(unchecked) private var phase = Phase.idle
    /// Counts the requests, so that the outcome of one that was given up is not taken for the next one's.
    @safe @exclusivity(unchecked) private var number = 0
    private var message: UnsafeMutablePointer<evhttp_request>!
    @safe @exclusivity(unchecked) private var request: HTTPRequest?
    @safe @exclusivity(unchecked) private var run = Registration.spent
    private var watch: OpaquePointer?

    var isHandling: Bool { phase == .handling }
    var isBusy: Bool { phase == .handling || phase == .writing }

    init(_ handle: OpaquePointer, of core: ServerCore) {
        unsafe self.handle = handle
        self.core = core
        unsafe evhttp_connection_set_closecb(
            handle,
            { _, connection in unsafe from(connection).noteClosed() },
            reference
        )
    }

    // SAFETY: the core holds the connection until evhttp has said that it is closed.
    private var reference: UnsafeMutableRawPointer { unsafe Unmanaged.passUnretained(self).toOpaque() }

    // MARK: Handling

    /// Has the handler look at a request. Outside of libevent.
    func handle(_ arrival: Arrival) {
        let message = unsafe arrival.message
        unsafe self.message = message
        guard let method = unsafe HTTPMethod(message.pointee.type), let target = unsafe message.pointee.uri else {
            unsafe evhttp_send_error(message, HTTP_NOTIMPLEMENTED, nil)
            return
        }
        let request = unsafe HTTPRequest(
            method,
            String(cString: target),
            headers: Evhttp.headers(message.pointee.input_headers),
            body: Evhttp.body(message.pointee.input_buffer)
        )
        self.request = request
        phase = .handling
        number += 1
        run = core.handler.respond(request, core.loop).observe { [self, number] outcome in
            if core.loop.isCurrent {
                finish(number, outcome)
            } else {
                core.loop.post { [self] in finish(number, outcome) }
            }
        }
    }

    private func finish(_ number: Int, _ outcome: Result<HTTPResponse, any Error>) {
        // Otherwise the client has left, which has been reported.
        guard number == self.number, phase == .handling else { return }
        run = .spent
        unwatchClient()
        switch outcome {
        case .success(let response): send(response)
        case .failure(let error): refuse(.handlerFailed(error))
        }
    }

    private func refuse(_ reason: HTTPServerError.Reason) {
        core.report(HTTPServerError(reason, request))
        unsafe evhttp_clear_headers(message.pointee.output_headers)
        send(HTTPResponse("Internal Server Error\n", status: 500))
    }

    private func send(_ response: HTTPResponse) {
        guard 200...999 ~= response.status else { return refuse(.invalidStatus(response.status)) }
        let headers = unsafe message.pointee.output_headers!
        var known: Evhttp.KnownFields = []
        if let name = unsafe Evhttp.add(response.headers, to: headers, noting: &known) {
            return refuse(.invalidHeader(name))
        }
        if !known.contains(.date) { unsafe core.addDate(to: headers) }
        let mayHaveBody = response.status != 204 && response.status != 304
        if mayHaveBody, !response.body.isEmpty {
            if !known.contains(.contentType) {
                unsafe evhttp_add_header(headers, "Content-Type", response.body.defaultType)
            }
            if known.isDisjoint(with: [.contentLength, .transferEncoding]) {
                unsafe Evhttp.add(contentLength: response.body.count, to: headers)
            }
            if request?.method != .head { unsafe Evhttp.add(response.body, to: message.pointee.output_buffer) }
        }
        if core.isStopping { unsafe evhttp_add_header(headers, "Connection", "close") }
        phase = .writing
        unsafe evhttp_request_set_on_complete_cb(
            message,
            { _, connection in unsafe from(connection).noteWritten() },
            reference
        )
        let bufferevent = unsafe evhttp_connection_get_bufferevent(handle)
        let descriptor = unsafe bufferevent_getfd(bufferevent)
        // Without a descriptor libevent fills its buffer and asks the kernel for nothing. Most replies then fit into the
        // socket at once; the rest of a larger one, and every error, is libevent's as ever.
        unsafe bufferevent_setfd(bufferevent, -1)
        unsafe evhttp_send_reply(message, Int32(response.status), nil, nil)
        let isWritten = unsafe writeOutput(of: bufferevent, to: descriptor)
        if isWritten { unsafe bufferevent_disable(bufferevent, Int16(EV_WRITE)) }
        unsafe bufferevent_setfd(bufferevent, descriptor)
        if isWritten { unsafe bufferevent_trigger(bufferevent, Int16(EV_WRITE), 0) }
    }

    /// Writes what the socket takes; true if that is all there is.
    private func writeOutput(of bufferevent: OpaquePointer?, to descriptor: Int32) -> Bool {
        let output = unsafe bufferevent_get_output(bufferevent)
        // Frozen against everyone but the bufferevent.
        unsafe evbuffer_unfreeze(output, 1)
        defer { unsafe evbuffer_freeze(output, 1) }
        unsafe evbuffer_write(output, descriptor)
        _ = Evhttp.takeError()
        return unsafe evbuffer_get_length(output) == 0
    }

    // MARK: Clients that leave

    /// Looks out for the client's end of the connection, which evhttp does not while a request is handled (E15).
    func watchClient() {
        if unsafe watch == nil {
            let descriptor = unsafe bufferevent_getfd(evhttp_connection_get_bufferevent(handle))
            unsafe watch = event_new(
                core.loop.eventBase,
                descriptor,
                Int16(EV_READ),
                { descriptor, _, connection in unsafe from(connection).noteReadable(descriptor) },
                reference
            )
        }
        unsafe event_add(watch, nil)
        isWatching = true
    }

    @safe @exclusivity(unchecked) private var isWatching = false

    private func unwatchClient() {
        guard isWatching else { return }
        isWatching = false
        unsafe event_del(watch)
    }

    /// The client has left, or the server gives the request up: stops the handler. Outside of libevent.
    func leave(reporting: Bool = true) {
        guard let request else { return }
        self.request = nil
        number += 1
        let run = run
        self.run = .spent
        close()
        run.cancel()
        if reporting { core.report(HTTPServerError(.clientGone, request)) }
    }

    /// Closes the connection. Outside of libevent.
    func close() {
        guard phase != .closed else { return }
        if phase == .writing { request = nil }
        unsafe evhttp_connection_free(handle)
    }

    // MARK: Inside libevent

    private func noteReadable(_ descriptor: Int32) {
        guard phase == .handling else { return }
        isWatching = false
        var byte: UInt8 = 0
        let count = unsafe recv(descriptor, &byte, 1, peek)
        // Bytes are a further request, sent before its turn; who does that is not watched.
        if count > 0 || count < 0 && (errno == EAGAIN || errno == EINTR) { return }
        core.note(leaving: self)
    }

    private func noteWritten() {
        phase = .idle
        request = nil
        unsafe message = nil
    }

    private func noteClosed() {
        let isLost = isBusy && request != nil
        phase = .closed
        unsafe message = nil
        if let watch = unsafe watch { unsafe event_free(watch) }
        unsafe watch = nil
        isWatching = false
        if isLost { core.note(leaving: self) }
        core.noteClosed(self)
        _ = Evhttp.takeError()
    }
}

private let peek = Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)

private func from(_ reference: UnsafeMutableRawPointer?) -> ServerConnection {
    // SAFETY: passed as `reference`, and alive as said there.
    unsafe Unmanaged<ServerConnection>.fromOpaque(reference!).takeUnretainedValue()
}
