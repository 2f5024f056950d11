// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Switchyard

/// A name server on a port of its own choice, for a process of its own: answers for the names it knows, is silent about
/// those that begin with `held`, and denies all others.
enum DNSServer {
    private static let v4: [String: [UInt8]] = ["alpha.test": [192, 0, 2, 1], "beta.test": [192, 0, 2, 2]]
    private static let v6: [String: [UInt8]] = [
        "alpha.test": [0x20, 0x01, 0x0D, 0xB8] + Array(repeating: 0, count: 11) + [1]
    ]

    /// Prints the port, then a line for each query it holds, and serves until its input ends: it does not outlive its owner.
    static func serve() async throws -> Int32 {
        #if os(Linux)
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        #else
        let descriptor = socket(AF_INET, SOCK_DGRAM, 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutableBytes(of: &address) { bytes in
            let address = bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
            return bind(descriptor, address, size) == 0 && getsockname(descriptor, address, &size) == 0
        }
        guard isBound else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        say("\(UInt16(bigEndian: address.sin_port))")

        let loop = try IOLoop.onOwnThread(name: "dns")
        _ = try loop.watch(descriptor, .read) { answer(on: descriptor) }
        _ = try loop.watch(STDIN_FILENO, .read) {
            if FileHandle.standardInput.availableData.isEmpty { loop.stop() }
        }
        try await loop.stopped.value
        return 0
    }

    private static func answer(on descriptor: Int32) {
        var query = [UInt8](repeating: 0, count: 512)
        var peer = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        withUnsafeMutableBytes(of: &peer) { bytes in
            let address = bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
            let count = recvfrom(descriptor, &query, query.count, 0, address, &size)
            guard count > 0, let reply = reply(to: query.prefix(count)) else { return }
            _ = sendto(descriptor, reply, reply.count, 0, address, size)
        }
    }

    /// The reply to a query of one question (RFC 1035, 4.1); nil where silence is the answer.
    private static func reply(to query: ArraySlice<UInt8>) -> [UInt8]? {
        var labels: [String] = []
        var next = 12
        while next < query.count, query[next] != 0 {
            let end = next + 1 + Int(query[next])
            guard end < query.count else { return nil }
            labels.append(String(decoding: query[(next + 1)..<end], as: UTF8.self))
            next = end
        }
        guard next + 5 <= query.count else { return nil }
        let name = labels.joined(separator: ".").lowercased()
        if name.hasPrefix("held") {
            say("held \(name)")
            return nil
        }
        let question = query[12..<(next + 5)]
        let data = query[next + 2] == 1 ? v4[name] : query[next + 2] == 28 ? v6[name] : nil
        let isKnown = v4[name] != nil || v6[name] != nil
        // An answer, recursion available, and 3 for a name that does not exist.
        let flags: [UInt8] = [0x85, isKnown ? 0x80 : 0x83]
        var reply = query.prefix(2) + flags + [0, 1, 0, data == nil ? 0 : 1, 0, 0, 0, 0] + question
        if let data {
            // The name by reference to the question, type and class as there, a time to live of 60 s.
            reply += [0xC0, 12] + query[(next + 1)..<(next + 5)] + [0, 0, 0, 60, 0, UInt8(data.count)] + data
        }
        return Array(reply)
    }

    /// Past the buffer of `print`, which would keep lines back in a pipe.
    private static func say(_ line: String) { FileHandle.standardOutput.write(Data("\(line)\n".utf8)) }
}
