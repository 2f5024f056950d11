// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CLibevent
import Futures
import Loops
import Synchronization

/// The part of a client that lives on its loop: the queue, what is under way, the kept connections.
// SAFETY: what changes is touched on the loop's thread only, but for `isClosed`, which is atomic.
final class ClientCore: @unchecked Sendable {
    let loop: IOLoop
    let limits: ClientLimits
    let resolver: Resolver
    private let isClosed = Atomic<Bool>(false)
    private var waiting: [Fetch] = []
    private var active: [ObjectIdentifier: Fetch] = [:]
    private var kept: [String: [ClientConnection]] = [:]
    private var reported: [Fetch] = []
    private var isPumping = false
    private let closing = Lock<LoopTimer>(.spent)

    init(loop: IOLoop, limits: ClientLimits, resolver: Resolver) {
        self.loop = loop
        self.limits = limits
        self.resolver = resolver
    }

    /// Ends with the loop.
    func register() {
        let name = loop.name
        let timer = loop.whenClosed { [self] in
            end { LoopClosed(loop: name, operation: "the fetch \($0)") }
        }
        closing.withLock { $0 = timer }
    }

    /// Runs the work on the loop: now if this is its thread, which is never inside libevent here.
    ///
    /// - Returns: False if the loop has stopped.
    @discardableResult
    func onLoop(_ work: @escaping @Sendable () -> Void) -> Bool {
        guard !loop.isCurrent else {
            work()
            return true
        }
        return loop.tryPost(work)
    }

    // MARK: Ends

    // The closer is taken back only in work that the loop has accepted. A loop that refuses it is closing, and evhttp's
    // objects are freed by the closer, on the loop's thread and before its base.

    func close() {
        isClosed.store(true, ordering: .releasing)
        onLoop { [self] in
            closing.withLock { $0 }.cancel()
            end { HTTPError(.clientClosed, $0) }
        }
    }

    /// The last reference to the client has gone, and with it every fetch.
    ///
    /// - Executor: From any thread, and from anywhere on the loop's.
    func retire() {
        loop.post { [self] in
            closing.withLock { $0 }.cancel()
            closeKept()
        }
    }

    private func end(_ error: (HTTPRequest) -> any Error) {
        isClosed.store(true, ordering: .releasing)
        let all = Array(active.values) + waiting
        waiting = []
        closeKept()
        for fetch in all { fetch.fail(error(fetch.request)) }
    }

    private func closeKept() {
        let connections = kept.values.joined()
        kept = [:]
        for connection in connections { connection.free() }
    }

    // MARK: The queue

    /// A new fetch, on the loop.
    func begin(_ fetch: Fetch) {
        if isClosed.load(ordering: .acquiring) {
            fetch.fail(HTTPError(.clientClosed, fetch.request))
            return
        }
        waiting.append(fetch)
        pump()
    }

    private func pump() {
        // A fetch that fails at once asks for the next one from inside this loop, which goes on anyway.
        if isPumping { return }
        isPumping = true
        defer { isPumping = false }
        while active.count < limits.maxConcurrent, !waiting.isEmpty {
            let fetch = waiting.removeFirst()
            active[ObjectIdentifier(fetch)] = fetch
            fetch.connect()
        }
    }

    /// The fetch has its outcome and needs its place no more.
    func remove(_ fetch: Fetch) {
        if active.removeValue(forKey: ObjectIdentifier(fetch)) == nil {
            waiting.removeAll { $0 === fetch }
        }
    }

    /// Fills the places that have become free. After an outcome was delivered.
    func refill() { pump() }

    // MARK: Connections

    /// A kept connection to the place, if one is still open.
    func takeKept(_ key: String) -> ClientConnection? {
        while let connection = kept[key]?.popLast() {
            if connection.isConnected { return connection }
            connection.free()
        }
        kept[key] = nil
        return nil
    }

    func keep(_ connection: ClientConnection) {
        if keptCount >= limits.maxConcurrent { forgetClosed() }
        guard !isClosed.load(ordering: .relaxed), keptCount < limits.maxConcurrent else {
            connection.free()
            return
        }
        kept[connection.key, default: []].append(connection)
    }

    private var keptCount: Int { kept.values.reduce(0) { $0 + $1.count } }

    /// Makes room: servers close what is idle, and places that nobody asks for again would keep theirs for good.
    private func forgetClosed() {
        for (key, connections) in kept {
            for connection in connections where !connection.isConnected { connection.free() }
            let open = connections.filter(\.isConnected)
            kept[key] = open.isEmpty ? nil : open
        }
    }

    // MARK: What libevent reported

    /// From inside libevent: remembers the fetch; it is looked after when libevent has returned.
    func report(_ fetch: Fetch) {
        reported.append(fetch)
        if reported.count == 1 { loop.post { [self] in settleReported() } }
    }

    private func settleReported() {
        let fetches = reported
        reported = []
        for fetch in fetches { fetch.settle() }
    }
}
