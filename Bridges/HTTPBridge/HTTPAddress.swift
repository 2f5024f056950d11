// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CLibevent

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What a URL says about where to go and what to ask for.
struct HTTPAddress: Sendable {
    let host: String
    let port: UInt16
    /// Path and query, never empty.
    let target: String

    /// What the `Host` field says.
    var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == 80 ? name : "\(name):\(port)"
    }

    init(_ request: HTTPRequest) throws {
        guard let parts = unsafe evhttp_uri_parse(request.url) else { throw HTTPError(.invalidURL, request) }
        defer { unsafe evhttp_uri_free(parts) }
        guard let scheme = unsafe evhttp_uri_get_scheme(parts).map({ unsafe String(cString: $0).lowercased() }) else {
            throw HTTPError(.invalidURL, request)
        }
        guard scheme == "http" else { throw HTTPError(.unsupportedScheme(scheme), request) }
        guard let host = unsafe evhttp_uri_get_host(parts).map({ unsafe String(cString: $0) }), !host.isEmpty else {
            throw HTTPError(.invalidURL, request)
        }
        let port = unsafe evhttp_uri_get_port(parts)
        guard port != 0, port <= 65535 else { throw HTTPError(.invalidURL, request) }
        self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        self.port = port < 0 ? 80 : UInt16(port)
        let path = unsafe evhttp_uri_get_path(parts).map { unsafe String(cString: $0) } ?? ""
        let query = unsafe evhttp_uri_get_query(parts).map { "?" + (unsafe String(cString: $0)) } ?? ""
        target = (path.isEmpty ? "/" : path) + query
    }

    /// The host is an address, not a name.
    var isNumeric: Bool {
        var space = (UInt64(0), UInt64(0))
        return unsafe inet_pton(AF_INET, host, &space) == 1 || inet_pton(AF_INET6, host, &space) == 1
    }
}
