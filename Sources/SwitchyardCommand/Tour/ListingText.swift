// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// The listings of `Listings.swift`, for printing. A test keeps them equal to the source.
enum ListingText {
    static let wrap = """
        /// The legacy function, prepared once: every style of the tour is derived from this.
        func fetch(_ url: String) -> Call<Response> {
            Call { done in
                try unsafe done.passContext { context in
                    let status = unsafe legacy_get(
                        url,
                        { reply, context in
                            guard let reply = unsafe reply else { return }
                            unsafe CallbackContext<Response>.take(context)?.complete(result: reply.pointee.result)
                        },
                        context
                    )
                    guard status == LEGACY_OK else { throw FetchFailed(url, status) }
                }
            }
        }
        """

    static let synchronous = """
        func fetchBlocking(_ url: String) throws -> [UInt8] {
            let response = try fetch(url).wait()
            return response.body
        }
        """

    static let callback = """
        func fetchCallback(_ url: String, _ done: @escaping @Sendable (Result<[UInt8], any Error>) -> Void) {
            fetch(url).callback { outcome in
                done(outcome.map { response in response.body })
            }
        }
        """

    static let future = """
        func fetchFuture(_ url: String) -> Future<[UInt8]> {
            let promise = Promise<[UInt8]>()
            let response = fetch(url).future()
            response.callback { outcome in
                promise.complete(with: outcome.map { response in response.body })
            }
            return promise.future
        }
        """

    static let coroutine = """
        func fetchCoroutine(_ url: String) -> Greenlet<[UInt8]> {
            Greenlet.spawn {
                let response = try fetch(url).wait()
                return response.body
            }
        }
        """

    static let native = """
        func fetchNative(_ url: String) async throws -> [UInt8] {
            let response = try await fetch(url).value
            return response.body
        }
        """

    static let nested = """
        func fetchNested(_ url: String) async throws -> [UInt8] {
            try await Greenlet.run {
                // Blocking code, which awaits async code, which calls blocking code.
                try Greenlet.await {
                    try await Greenlet.run { try fetchBlocking(url) }
                }
            }
        }
        """

    static let deferred = """
        func fetchDeferred(_ url: String) -> Deferred<[UInt8]> {
            fetch(url).deferred().then { response in response.body }
        }
        """

    static let queue = """
        func fetchInto(_ queue: Queue<Completion<Int, Response>>, _ url: String, key: Int) {
            fetch(url).deliver(to: queue, key: key)
        }
        """

    static let signal = """
        typealias Request = (url: String, done: @Sendable (Result<[UInt8], any Error>) -> Void)

        func fetchOnSignal(_ signal: Signal, next: @escaping @Sendable () -> Request?) throws {
            try signal.handle { _ in
                while let request = next() { fetchCallback(request.url, request.done) }
            }
        }
        """

    /// By the names of the markers.
    static let all = [
        "wrap": wrap, "synchronous": synchronous, "callback": callback, "future": future, "coroutine": coroutine,
        "native": native, "nested": nested, "deferred": deferred, "queue": queue,
        "signal": signal,
    ]

    /// What is shown before the table.
    static let introduction = """
        A C function that calls back, legacy_get(url, callback, context), is wrapped once:

        \(indented(wrap))

        Then the same function, written in every style:

        1. synchronous

        \(indented(synchronous))

        2. callback and Future, by hand

        \(indented(callback))

        \(indented(future))

        3. coroutine: a straight-line body, on a stack of its own

        \(indented(coroutine))

        4. native async/await

        \(indented(native))

        5. Deferred, with a callback in its pipeline

        \(indented(deferred))

        6. delivery to a queue, from which a consumer takes whatever comes next

        \(indented(queue))

        7. signal: whenever a kill -USR1 arrives, what is next is fetched

        \(indented(signal))

        8. blocking and async code in each other, three deep, in one task

        \(indented(nested))

        Now each style fetches everything. "equal": every byte is as it has to be; "in flight": the most
        requests that were open at once. The last row is listing 1, unchanged, in many greenlets.

        """

    private static func indented(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { "    " + $0 }.joined(separator: "\n")
    }
}
