// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Switchyard

/// Serves the tour's files to this machine, from a loop of its own: a blocking function, in a greenlet per request.
struct TourServer {
    private let server: HTTPServer
    private let loop: IOLoop

    /// Where the URLs begin.
    var origin: String { "http://127.0.0.1:\(server.port)" }

    init(_ files: ServedFiles) throws {
        let root = files.root
        let served = Set(files.paths)
        loop = try IOLoop.onOwnThread(name: "tour-server")
        server = try HTTPServer(loop: loop) { request in
            let path = String(request.path.dropFirst())
            // Only what was listed: a request cannot lead out of the directory.
            guard served.contains(path), let content = ServedFiles.read(root.appendingPathComponent(path)) else {
                return HTTPResponse("there is no file \(path)", status: 404)
            }
            return HTTPResponse(HTTPBody(content))
        }
    }

    func url(for path: String) -> String { origin + "/" + Self.escaped(path) }

    func stop() {
        server.stop(within: .zero)
        loop.stop()
    }

    /// Everything but letters, digits and a few marks as `%20`.
    private static func escaped(_ path: String) -> String {
        let plain = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/".utf8)
        return path.utf8.map { byte in
            if plain.contains(byte) { return String(UnicodeScalar(byte)) }
            let code = String(byte, radix: 16, uppercase: true)
            return "%" + (code.count == 1 ? "0" : "") + code
        }.joined()
    }
}
