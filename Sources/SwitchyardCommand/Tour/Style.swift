// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Switchyard

/// One style of asynchronous code: how it drives its listing over all requests of a tally.
struct Style: Sendable {
    let name: String
    /// Starts, and completes when all requests are over; nil for the style that has the calling thread to itself.
    let start: (@Sendable (Tally) -> any Awaitable<Void>)?

    /// One after the other, on the calling thread: the reference, which needs nothing but blocking.
    static let synchronous = Style(name: "synchronous, one at a time", start: nil)

    static let others = [callback, future, deferred, queue, signal, native, coroutine, nested, greenlets]

    private static let callback = Style(name: "callback") { tally in
        pump(tally, fetchCallback)
    }

    private static let future = Style(name: "Future, done-callback by hand") { tally in
        pump(tally) { url, done in fetchFuture(url).callback { outcome in done(outcome) } }
    }

    private static let deferred = Style(name: "Deferred") { tally in
        pump(tally) { url, done in
            fetchDeferred(url).addBoth { outcome in
                done(outcome)
                return []
            }
        }
    }

    /// Producers put, one consumer takes.
    private static let queue = Style(name: "queue") { tally in
        Future {
            let queue = Queue<Completion<Int, Response>>("answers")
            var open = 0
            func fetchNext() {
                guard let request = tally.next() else { return }
                fetchInto(queue, tally.url(request), key: request)
                open += 1
            }
            for _ in 0..<tally.concurrency { fetchNext() }
            while open > 0 {
                let completion = try await queue.get().value
                open -= 1
                tally.record(completion.key, completion.outcome.map(\.body))
                fetchNext()
            }
        }
    }

    /// Each answer sends the process a SIGUSR1, whose handler begins as many requests as may be in flight.
    private static let signal = Style(name: "signal, kill -USR1 to itself") { tally in
        let finished = Promise<Void>()
        let open = Lock(0)
        @Sendable func send() {
            do { try Signal.user1.raise() } catch { finished.tryComplete(.failure(error)) }
        }
        do {
            // The handler stays: a signal may still be on its way when all is over, and would end the process.
            try fetchOnSignal(.user1) {
                guard open.withLock({ $0 < tally.concurrency }), let request = tally.next() else { return nil }
                open.withLock { $0 += 1 }
                return (
                    tally.url(request),
                    { outcome in
                        open.withLock { $0 -= 1 }
                        tally.record(request, outcome)
                        if tally.isOver { finished.tryComplete(.success(())) } else { send() }
                    }
                )
            }
            send()
        } catch { finished.tryComplete(.failure(error)) }
        return finished.future
    }

    private static let native = Style(name: "async/await") { tally in
        inTasks(tally, fetchNative)
    }

    private static let coroutine = Style(name: "coroutine in a greenlet") { tally in
        Greenlet.spawn {
            while let first = tally.next() {
                var batch = [first]
                while batch.count < tally.concurrency, let request = tally.next() { batch.append(request) }
                let outcomes = try Future.allSettled(batch.map { fetchCoroutine(tally.url($0)) }).wait()
                for (request, outcome) in zip(batch, outcomes) { tally.record(request, outcome) }
            }
        }
    }

    private static let nested = Style(name: "blocking in async in blocking") { tally in
        inTasks(tally, fetchNested)
    }

    /// The synchronous listing, as it is.
    private static let greenlets = Style(name: "blocking code in many greenlets") { tally in
        let greenlets = (0..<tally.concurrency).map { _ in
            Greenlet.spawn {
                while let request = tally.next() {
                    tally.record(request, Result { try fetchBlocking(tally.url(request)) })
                }
            }
        }
        return Future.all(greenlets).map { _ in }
    }

    /// As many tasks as may be in flight, each with one request after the other.
    private static func inTasks(
        _ tally: Tally,
        _ fetch: @escaping @Sendable (String) async throws -> [UInt8]
    ) -> Future<Void> {
        Future {
            await withDiscardingTaskGroup { group in
                for _ in 0..<tally.concurrency {
                    group.addTask {
                        while let request = tally.next() {
                            do {
                                tally.record(request, .success(try await fetch(tally.url(request))))
                            } catch {
                                tally.record(request, .failure(error))
                            }
                        }
                    }
                }
            }
        }
    }

    /// Keeps a number of requests going: whenever one ends, its callback starts the next.
    private static func pump(
        _ tally: Tally,
        _ fetch: @escaping @Sendable (String, @escaping @Sendable (Result<[UInt8], any Error>) -> Void) -> Void
    ) -> Future<Void> {
        let finished = Promise<Void>()
        @Sendable func startNext() {
            guard let request = tally.next() else { return }
            fetch(tally.url(request)) { outcome in
                tally.record(request, outcome)
                startNext()
                if tally.isOver { finished.tryComplete(.success(())) }
            }
        }
        for _ in 0..<tally.concurrency { startNext() }
        return finished.future
    }
}
