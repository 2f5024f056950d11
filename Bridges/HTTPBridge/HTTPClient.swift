// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures
public import Loops

/// An HTTP/1.1 client on a loop: each fetch is a prepared call, so one client serves every style.
///
///     let client = HTTPClient()
///     let page = try client.fetch(url).wait()             // blocking, in a greenlet or on a plain thread
///     let same = try await client.fetch(url).value        // async
///     client.fetch(url).callback { result in … }          // a callback
///
/// Any status is a reply, not an error; redirects are replies too, and not followed. Connections are kept and used
/// again. Plain `http` only.
///
/// - Executor: Thread-safe. Fetches complete on the client's loop.
/// - Cancellation: Leaving a fetch takes it out of the queue or closes its connection; the call ends cancelled at once.
/// - Errors: ``HTTPError``; `LoopClosed` when the loop stops first.
public final class HTTPClient: Sendable {
    let core: ClientCore

    /// Makes a client (Tornado: AsyncHTTPClient and HTTPClient, in one).
    ///
    /// - Parameters:
    ///   - loop: Where the work is done.
    ///   - maxConcurrent: How many fetches are under way at most; others wait in a queue, first come, first served.
    ///   - connectTimeout: How long finding the address and connecting may take. Zero is for ever.
    ///   - requestTimeout: How long a fetch may take from the verb to the last byte, its time in the queue included. Zero
    ///     is for ever.
    ///   - maxHeaderBytes: How large the header of a reply may be.
    ///   - maxBodyBytes: How large the body of a reply may be.
    public convenience init(
        loop: IOLoop = .shared,
        maxConcurrent: Int = 16,
        connectTimeout: Duration = .seconds(20),
        requestTimeout: Duration = .seconds(60),
        maxHeaderBytes: Int = 65_536,
        maxBodyBytes: Int = 104_857_600
    ) {
        self.init(
            loop: loop,
            limits: ClientLimits(
                maxConcurrent: maxConcurrent,
                connectTimeout: connectTimeout,
                requestTimeout: requestTimeout,
                maxHeaderBytes: maxHeaderBytes,
                maxBodyBytes: maxBodyBytes
            ),
            resolver: .shared
        )
    }

    package init(loop: IOLoop, limits: ClientLimits, resolver: Resolver) {
        precondition(
            limits.maxConcurrent >= 1,
            "an HTTPClient with maxConcurrent \(limits.maxConcurrent) would never fetch"
        )
        core = ClientCore(loop: loop, limits: limits, resolver: resolver)
        core.register()
    }

    deinit { core.retire() }

    /// Prepares a GET of a URL, see ``fetch(_:connectTimeout:requestTimeout:)``.
    public func fetch(_ url: String) -> Call<HTTPResponse> { fetch(HTTPRequest(.get, url)) }

    /// Prepares a fetch; nothing is sent until a verb is used, and each verb sends it once.
    ///
    /// A request that may be sent twice (GET, HEAD, PUT, DELETE, OPTIONS, TRACE) is sent again, once and on a fresh
    /// connection, if it went out on a kept connection that turned out to be closed.
    ///
    /// - Executor: Starts from any thread; completes on the client's loop.
    /// - Cancellation: Takes it out of the queue, or closes its connection, which the server notices.
    /// - Parameters:
    ///   - connectTimeout: Instead of the client's.
    ///   - requestTimeout: Instead of the client's.
    /// - Errors: ``HTTPError``; `LoopClosed`.
    public func fetch(
        _ request: HTTPRequest,
        connectTimeout: Duration? = nil,
        requestTimeout: Duration? = nil
    ) -> Call<HTTPResponse> {
        var limits = core.limits
        if let connectTimeout { limits.connectTimeout = connectTimeout }
        if let requestTimeout { limits.requestTimeout = requestTimeout }
        return Call(request.description) { [self, limits] done in
            try Fetch(request, done, limits, self).start()
        }
    }

    /// Closes the client: what is queued or under way fails with ``HTTPError/Reason/clientClosed``, and so does what
    /// comes later. Can be called again.
    ///
    /// - Executor: From any thread; the fetches fail on the loop.
    public func close() { core.close() }
}

package struct ClientLimits: Sendable {
    package var maxConcurrent = 16
    package var connectTimeout = Duration.seconds(20)
    package var requestTimeout = Duration.seconds(60)
    package var maxHeaderBytes = 65_536
    package var maxBodyBytes = 104_857_600

    package init(
        maxConcurrent: Int = 16,
        connectTimeout: Duration = .seconds(20),
        requestTimeout: Duration = .seconds(60),
        maxHeaderBytes: Int = 65_536,
        maxBodyBytes: Int = 104_857_600
    ) {
        self.maxConcurrent = maxConcurrent
        self.connectTimeout = connectTimeout
        self.requestTimeout = requestTimeout
        self.maxHeaderBytes = maxHeaderBytes
        self.maxBodyBytes = maxBodyBytes
    }
}
