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
    private let isClosed = Atomic<Bool>(false)
    private var waiting: [Fetch] = []
    private var active: [ObjectIdentifier: Fetch] = [:]
    private var kept: [String: [ClientConnection]] = [:]
    private var reported: [Fetch] = []
    private var closing = Lock<LoopTimer>(.spent)

    init(loop: IOLoop, limits: ClientLimits) {
        self.loop = loop
        self.limits = limits
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

    func close() {
        isClosed.store(true, ordering: .releasing)
        onLoop { [self] in
            closing.withLock { $0 }.cancel()
            end { HTTPError(.clientClosed, $0) }
        }
    }

    /// The last reference to the client has gone, and with it every fetch.
    func retire() {
        // A loop that refuses the work is about to end, or has: then it is its end that closes what is kept.
        onLoop { [self] in
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
        let total = kept.values.reduce(0) { $0 + $1.count }
        guard !isClosed.load(ordering: .relaxed), total < limits.maxConcurrent else {
            connection.free()
            return
        }
        kept[connection.key, default: []].append(connection)
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
