// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CLibevent
import Futures
import Loops

/// The part of a server that lives on its loop.
///
/// evhttp's callbacks only take notes, and everything that calls user code or frees happens when libevent has returned.
// Accesses are not checked for exclusivity at run time: none spans a call to others.
// SAFETY: what changes is touched on the loop's thread only.
@safe
final class ServerCore: @unchecked Sendable {  // SAFETY: one thread only, see above.
    let loop: IOLoop
    let configuration: HTTPServer.Configuration
    let handler: HTTPHandler
    private let ending = Promise<Void>("the end of an HTTP server")
    private var server: OpaquePointer?
    private var boundSocket: OpaquePointer?
    private var listener: OpaquePointer?
    @safe @exclusivity(unchecked) private var connections: [Handle: ServerConnection] = [:]
    /// Connections that are open, those among them that have not been looked at yet included.
    @safe @exclusivity(unchecked) private(set) var open = 0
    @safe @exclusivity(unchecked) private(set) var isStopping = false
    @safe @exclusivity(unchecked) private var isPaused = false
    @safe @exclusivity(unchecked) private var closing = LoopTimer.spent
    @safe @exclusivity(unchecked) private var patience = LoopTimer.spent
    // Notes of evhttp's callbacks.
    @safe @exclusivity(unchecked) private var accepted: [Handle] = []
    @safe @exclusivity(unchecked) private var arrived: [Arrival] = []
    @safe @exclusivity(unchecked) private var left: [ServerConnection] = []
    @safe @exclusivity(unchecked) private var acceptError: Int32 = 0
    @safe @exclusivity(unchecked) private var isNoted = false
    @safe @exclusivity(unchecked) private var waiting: [ServerConnection] = []
    /// The requests that are being handed out: the memory of a batch is used again by the one after the next.
    @safe @exclusivity(unchecked) private var batch: [Arrival] = []
    @safe @exclusivity(unchecked) private var date = DateText()
    @safe @exclusivity(unchecked) private var work: (@Sendable () -> Void)!
    @safe @exclusivity(unchecked) private var watchWork: (@Sendable () -> Void)!

    var stopped: Future<Void> { ending.future }

    init(loop: IOLoop, configuration: HTTPServer.Configuration, handler: HTTPHandler) {
        self.loop = loop
        self.configuration = configuration
        self.handler = handler
    }

    // MARK: Starting

    func start(on socket: ListeningSocket) throws {
        let isAccepted = loop.tryPost { [self] in
            guard !isStopping else {
                socket.close()
                return
            }
            closing = loop.whenClosed { [self] in end() }
            // One closure for all batches.
            work = { [self] in settle() }
            watchWork = { [self] in watchWaiting() }
            openServer(on: socket)
        }
        if !isAccepted {
            socket.close()
            throw LoopClosed(loop: loop.name, operation: "an HTTP server on port \(socket.port)")
        }
    }

    private func openServer(on socket: ListeningSocket) {
        let server = unsafe evhttp_new(loop.eventBase)!
        unsafe self.server = server
        unsafe evhttp_set_max_headers_size(server, configuration.maxHeaderBytes)
        unsafe evhttp_set_max_body_size(server, configuration.maxBodyBytes)
        unsafe evhttp_set_allowed_methods(server, HTTPMethod.allCommands)
        unsafe evhttp_set_default_content_type(server, nil)
        // A client that is still sending its body would otherwise lose the answer that it is too large.
        unsafe evhttp_set_flags(server, EVHTTP_SERVER_LINGERING_CLOSE)
        var idle = Evhttp.time(configuration.idleTimeout)
        // All connections wait equally long: a queue serves them, where others are sorted into a heap at every read and
        // write. libevent knows the queue by marks within the time, and has room for so many times only.
        if let marked = unsafe event_base_init_common_timeout(loop.eventBase, &idle) { unsafe idle = marked.pointee }
        unsafe evhttp_set_timeout_tv(server, &idle)
        unsafe evhttp_set_gencb(server, { request, core in unsafe from(core).note(arrival: request!) }, reference)
        unsafe evhttp_set_bevcb(server, { base, core in unsafe from(core).makeBufferevent(base) }, reference)
        guard let bound = unsafe evhttp_accept_socket_with_handle(server, socket.descriptor) else {
            socket.close()
            report(HTTPServerError(.cannotListen(address: "port \(socket.port)", code: Evhttp.takeError())))
            return
        }
        unsafe boundSocket = bound
        unsafe listener = evhttp_bound_socket_get_listener(bound)
        unsafe evconnlistener_set_error_cb(listener) { listener, core in
            unsafe from(core).noteAcceptError(listener)
        }
    }

    // SAFETY: `end` frees evhttp's objects while the loop's `closing` action, or its caller, holds the core.
    private var reference: UnsafeMutableRawPointer { unsafe Unmanaged.passUnretained(self).toOpaque() }

    // MARK: Inside libevent: notes

    fileprivate func makeBufferevent(_ base: OpaquePointer?) -> OpaquePointer? {
        guard let bufferevent = unsafe bufferevent_socket_new(base, -1, 0) else { return nil }
        // Held until it is looked at, because the connection may have gone by then.
        unsafe bufferevent_incref(bufferevent)
        unsafe accepted.append(Handle(bufferevent))
        open += 1
        if open >= configuration.maxConnections { pauseListening() }
        note()
        return unsafe bufferevent
    }

    fileprivate func note(arrival request: UnsafeMutablePointer<evhttp_request>) {
        unsafe arrived.append(Arrival(message: request))
        note()
    }

    func note(leaving connection: ServerConnection) {
        left.append(connection)
        note()
    }

    fileprivate func noteAcceptError(_ listener: OpaquePointer?) {
        acceptError = Evhttp.takeError()
        // The connection that cannot be accepted stays readable: without a pause this would spin (E14).
        unsafe evconnlistener_disable(listener)
        note()
    }

    private func note() {
        if isNoted { return }
        isNoted = true
        loop.post(work)
    }

    func noteClosed(_ connection: ServerConnection) {
        unsafe connections[Handle(connection.handle)] = nil
        countDown()
    }

    private func countDown() {
        open -= 1
        if isPaused, open < configuration.maxConnections { resumeListening() }
        if isStopping, open == 0 { note() }
    }

    // MARK: Outside of libevent

    private func settle() {
        isNoted = false
        if !accepted.isEmpty { adoptAccepted() }
        let gone = left
        left.removeAll()
        for connection in gone { connection.leave() }
        handleArrived()
        if acceptError != 0 { retryAccepting() }
        if isStopping, open == 0 { end() }
    }

    /// Finds evhttp's connections of the bufferevents that were made for it.
    ///
    /// evhttp does not say when it makes a connection, nor, of one that never sent a request, when it drops it. But it is
    /// the argument of its bufferevent's callbacks, which are nil once it is freed.
    private func adoptAccepted() {
        for bufferevent in accepted {
            var argument: UnsafeMutableRawPointer?
            unsafe bufferevent_getcb(bufferevent.pointer, nil, nil, nil, &argument)
            if let argument = unsafe argument {
                let handle = unsafe Handle(OpaquePointer(argument))
                let connection = unsafe ServerConnection(handle.pointer, of: self)
                connections[handle] = connection
                if isStopping { connection.close() }
            } else {
                countDown()
            }
            unsafe bufferevent_decref(bufferevent.pointer)
        }
        accepted.removeAll(keepingCapacity: true)
    }

    private func handleArrived() {
        guard !arrived.isEmpty else { return }
        // The handlers may do anything, but nothing arrives while they run.
        swap(&arrived, &batch)
        for request in batch {
            guard let connection = unsafe connections[Handle(request.message.pointee.evcon)] else {
                preconditionFailure("switchyard: evhttp delivered a request of a connection it does not have")
            }
            connection.handle(request)
            if connection.isHandling { waiting.append(connection) }
        }
        batch.removeAll(keepingCapacity: true)
        // Greenlets run at the end of this turn. Only who is still waiting in the next has its client watched: a system
        // call that most requests are spared.
        if !waiting.isEmpty { loop.post(watchWork) }
    }

    private func watchWaiting() {
        for connection in waiting where connection.isHandling { connection.watchClient() }
        waiting.removeAll(keepingCapacity: true)
    }

    /// Adds what evhttp would to a reply.
    func addDate(to headers: UnsafeMutablePointer<evkeyvalq>) { unsafe date.add(to: headers) }

    func report(_ error: HTTPServerError) { configuration.onError(error) }

    func ask<Value: Sendable>(_ question: @escaping @Sendable (ServerCore) -> Value) -> Future<Value> {
        let promise = Promise<Value>("a question to an HTTP server")
        let isAccepted = loop.tryPost { [self] in promise.succeed(question(self)) }
        if !isAccepted { promise.fail(LoopClosed(loop: loop.name, operation: "a question to an HTTP server")) }
        return promise.future
    }

    // MARK: Listening

    private func pauseListening() {
        guard let listener = unsafe listener, !isPaused else { return }
        isPaused = true
        unsafe evconnlistener_disable(listener)
    }

    private func resumeListening() {
        isPaused = false
        if let listener = unsafe listener { unsafe evconnlistener_enable(listener) }
    }

    private func retryAccepting() {
        report(HTTPServerError(.cannotAccept(code: acceptError)))
        acceptError = 0
        _ = loop.schedule(after: .milliseconds(100)) { [self] in
            if let listener = unsafe listener, !isPaused { unsafe evconnlistener_enable(listener) }
        }
    }

    // MARK: Stopping

    func stop(within grace: Duration) {
        let accepted = loop.tryPost { [self] in
            // What has arrived is under way, and belongs to connections that would look idle.
            settle()
            isStopping = true
            stopListening()
            for connection in connections.values where !connection.isBusy { connection.close() }
            patience.cancel()
            if open == 0 || grace <= .zero {
                end()
            } else {
                patience = loop.schedule(after: grace) { [self] in end() }
            }
        }
        if !accepted { ending.tryComplete(.success(())) }
    }

    private func stopListening() {
        guard unsafe listener != nil else { return }
        // The listener is the bound socket's, and goes with it.
        unsafe listener = nil
        unsafe evhttp_del_accept_socket(server, boundSocket)
    }

    /// Closes everything and cancels the handlers. Never inside libevent.
    private func end() {
        isStopping = true
        patience.cancel()
        closing.cancel()
        if let server = unsafe server {
            unsafe self.server = nil
            unsafe listener = nil
            for bufferevent in accepted { unsafe bufferevent_decref(bufferevent.pointer) }
            accepted = []
            arrived = []
            for connection in Array(connections.values) {
                if connection.isHandling { connection.leave(reporting: false) } else { connection.close() }
            }
            unsafe evhttp_free(server)
        }
        work = nil
        watchWork = nil
        ending.tryComplete(.success(()))
    }
}

private func from(_ reference: UnsafeMutableRawPointer?) -> ServerCore {
    // SAFETY: passed as `reference`, and alive as said there.
    unsafe Unmanaged<ServerCore>.fromOpaque(reference!).takeUnretainedValue()
}
