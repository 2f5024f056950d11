// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CLibevent
import Futures
import Loops

/// One fetch, from the verb to its outcome.
///
///     queued ─▶ connecting ─▶ exchanging ─▶ ended
///
/// Its parts that evhttp calls only take notes; `settle` draws the conclusions when libevent has returned. So no user
/// code and no freeing happens inside evhttp.
// SAFETY: what changes is touched on the loop's thread only.
final class Fetch: @unchecked Sendable {
    enum Phase { case queued, connecting, exchanging, ended }

    let request: HTTPRequest
    private let promise: Promise<HTTPResponse>
    private let limits: ClientLimits
    private let client: HTTPClient
    private let began = LoopInstant.now
    private var address: HTTPAddress!
    private var phase = Phase.queued
    private var deadline = LoopTimer.spent
    private var connectLimit = LoopTimer.spent
    private var lookup = Registration.spent
    /// The host's addresses that have not been tried yet.
    private var untried: ArraySlice<String> = []
    private var exchange: Exchange?
    private var mayRepeat = true

    private var core: ClientCore { client.core }

    init(_ request: HTTPRequest, _ promise: Promise<HTTPResponse>, _ limits: ClientLimits, _ client: HTTPClient) {
        self.request = request
        self.promise = promise
        self.limits = limits
        self.client = client
    }

    /// Checks the request and hands it to the loop. On the thread that used the verb.
    func start() throws {
        address = try HTTPAddress(request)
        if let name = request.headers.nameWithLineBreak { throw HTTPError(.invalidHeader(name), request) }
        promise.onCancel { [self] in core.onLoop { self.fail(CancellationError()) } }
        if !core.onLoop({ self.enqueue() }) {
            throw LoopClosed(loop: core.loop.name, operation: "the fetch \(request)")
        }
    }

    private func enqueue() {
        guard phase != .ended else { return }
        if limits.requestTimeout > .zero {
            deadline = core.loop.schedule(at: began.advanced(by: limits.requestTimeout)) { [weak self] in self?.expire()
            }
        }
        core.begin(self)
    }

    private func expire() {
        let limit = limits.requestTimeout
        fail(
            HTTPError(
                phase == .queued
                    ? .queueTimeout(limit, maxConcurrent: limits.maxConcurrent) : .requestTimeout(limit),
                request
            )
        )
    }

    // MARK: Connecting

    /// The fetch has a place among those under way.
    func connect() {
        if let kept = core.takeKept(address.authority) {
            send(on: kept)
        } else {
            connectAfresh()
        }
    }

    private func connectAfresh() {
        phase = .connecting
        if limits.connectTimeout > .zero {
            connectLimit = core.loop.schedule(after: limits.connectTimeout) { [weak self] in
                guard let self, self.phase == .connecting else { return }
                self.fail(HTTPError(.connectTimeout(self.limits.connectTimeout), self.request))
            }
        }
        guard !address.isNumeric else {
            open([address.host])
            return
        }
        // Not a callback on the loop: one that the loop refuses runs on the resolver's thread. The loop's end has failed
        // this fetch then.
        lookup = core.resolver.addresses(of: address.host).observe { [self] outcome in
            core.onLoop { self.found(outcome) }
        }
    }

    private func found(_ addresses: Result<[String], any Error>) {
        guard phase == .connecting else { return }
        do { open(try addresses.get()[...]) } catch let error as Resolver.Failure {
            fail(HTTPError(.unknownHost(error.text), request))
        } catch {
            fail(HTTPError(.cannotResolve(error.phrase), request))
        }
    }

    /// Tries the first of the addresses; the others are for when it does not answer.
    private func open(_ addresses: ArraySlice<String>) {
        untried = addresses.dropFirst()
        let connection = unsafe ClientConnection(
            base: core.loop.eventBase,
            address: addresses.first ?? address.host,
            port: address.port,
            key: address.authority
        )
        guard let connection else {
            fail(HTTPError(.cannotConnect(code: Evhttp.takeError()), request))
            return
        }
        send(on: connection)
    }

    /// Goes on to the next address of the host; nothing has been sent yet.
    ///
    /// - Returns: False if there is none.
    private func openNext() -> Bool {
        guard phase == .connecting, !untried.isEmpty else { return false }
        dropExchange()
        open(untried)
        return true
    }

    private func send(on connection: ClientConnection) {
        if connection.isConnected { connected() }
        let exchange = Exchange(for: self, on: connection, limits: limits)
        self.exchange = exchange
        if let name = exchange.write(request, authority: address.authority) {
            fail(HTTPError(.invalidHeader(name), request))
            return
        }
        if !exchange.begin(request.method, target: address.target) {
            let code = Evhttp.takeError()
            if !openNext() { fail(HTTPError(.cannotConnect(code: code), request)) }
        }
    }

    /// From inside libevent.
    func connected() {
        phase = .exchanging
        connectLimit.cancel()
    }

    /// From inside libevent: there is something to settle.
    func report() { core.report(self) }

    // MARK: Ending

    /// Draws the conclusion from what evhttp reported.
    func settle() {
        guard phase != .ended, let exchange else { return }
        switch exchange.conclusion(wasConnected: phase == .exchanging) {
        case .none: break
        case .reply(let response): end(.success(response))
        case .stale where mayRepeat && request.method.isIdempotent:
            // The server closed the kept connection before it saw the request.
            mayRepeat = false
            dropExchange()
            connectAfresh()
        case .stale: fail(HTTPError(.closedEarly, request))
        case .failure(let reason): if !openNext() { fail(HTTPError(reason, request)) }
        }
    }

    private func dropExchange() {
        exchange?.abandon()
        exchange = nil
    }

    func fail(_ error: any Error) { end(.failure(error)) }

    private func end(_ outcome: Result<HTTPResponse, any Error>) {
        guard phase != .ended else { return }
        phase = .ended
        deadline.cancel()
        connectLimit.cancel()
        lookup.cancel()
        if case .success = outcome, let exchange {
            core.keep(exchange.release())
            self.exchange = nil
        } else {
            dropExchange()
        }
        core.remove(self)
        promise.tryComplete(outcome)
        core.refill()
    }
}
