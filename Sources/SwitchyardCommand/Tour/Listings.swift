// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Switchyard

// The classic listings of an asynchronous tutorial: one function, four ways. `ListingText` holds what stands between the
// markers, for printing; a test compares the two.

// listing: synchronous
func fetchBlocking(_ url: String) throws -> [UInt8] {
    let response = try fetch(url).wait()
    return response.body
}

// listing: callback
func fetchCallback(_ url: String, _ done: @escaping @Sendable (Result<[UInt8], any Error>) -> Void) {
    fetch(url).callback { outcome in
        done(outcome.map { response in response.body })
    }
}

// listing: future
func fetchFuture(_ url: String) -> Future<[UInt8]> {
    let promise = Promise<[UInt8]>()
    let response = fetch(url).future()
    response.callback { outcome in
        promise.complete(with: outcome.map { response in response.body })
    }
    return promise.future
}

// listing: coroutine
func fetchCoroutine(_ url: String) -> Greenlet<[UInt8]> {
    Greenlet.spawn {
        let response = try fetch(url).wait()
        return response.body
    }
}

// listing: native
func fetchNative(_ url: String) async throws -> [UInt8] {
    let response = try await fetch(url).value
    return response.body
}

// listing: nested
func fetchNested(_ url: String) async throws -> [UInt8] {
    try await Greenlet.run {
        // Blocking code, which awaits async code, which calls blocking code.
        try Greenlet.await {
            try await Greenlet.run { try fetchBlocking(url) }
        }
    }
}

// listing: deferred
func fetchDeferred(_ url: String) -> Deferred<[UInt8]> {
    fetch(url).deferred().then { response in response.body }
}

// listing: queue
func fetchInto(_ queue: Queue<Completion<Int, Response>>, _ url: String, key: Int) {
    fetch(url).deliver(to: queue, key: key)
}

// listing: signal
typealias Request = (url: String, done: @Sendable (Result<[UInt8], any Error>) -> Void)

func fetchOnSignal(_ signal: Signal, next: @escaping @Sendable () -> Request?) throws {
    try signal.handle { _ in
        while let request = next() { fetchCallback(request.url, request.done) }
    }
}

// listing: end
