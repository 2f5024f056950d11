// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CLegacyFetch
import Switchyard

/// What the legacy function brings.
struct Response: Sendable {
    let status: Int
    let body: [UInt8]
}

// Shown by the tour, as the listings are.
// listing: wrap
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
// listing: end

extension legacy_reply {
    /// A copy: the reply is valid during the callback only.
    fileprivate var result: Result<Response, FetchFailed> {
        if let error = unsafe error { return .failure(FetchFailed(description: unsafe String(cString: error))) }
        let status = unsafe Int(status)
        guard 200..<300 ~= status else {
            let phrase = unsafe reason.map { unsafe " " + String(cString: $0) } ?? ""
            return .failure(FetchFailed(description: "the server answered \(status)\(phrase)"))
        }
        let body = unsafe Array(UnsafeBufferPointer(start: body, count: length))
        return .success(Response(status: status, body: body))
    }
}

/// Why there is no response.
struct FetchFailed: Error, Sendable, CustomStringConvertible {
    let description: String
}

extension FetchFailed {
    /// The request was not begun.
    init(_ url: String, _ status: legacy_status) {
        switch status {
        case LEGACY_BAD_URL: description = "this is no URL that can be fetched"
        case LEGACY_NOT_HTTP: description = "the legacy function speaks plain HTTP only"
        case LEGACY_NO_THREAD: description = "the legacy library cannot start its thread"
        default: description = "the legacy library has no memory"
        }
    }
}
