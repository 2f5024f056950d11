// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CCares
import Foundation
import Switchyard

/// Why a look-up failed, in the words of c-ares.
struct AresError: Error, Equatable, CustomStringConvertible {
    let status: Int32
    var description: String { "AresError \(status): \(String(cString: ares_strerror(status)))" }
}

/// What c-ares says about a socket before it closes it, and whenever its wishes change.
struct Socket {
    let fd: Int32
    let reads, writes: Bool

    init(_ fd: ares_socket_t, reads: Int32, writes: Int32) {
        (self.fd, self.reads, self.writes) = (fd, reads != 0, writes != 0)
    }
}

/// What c-ares calls at the end of each query, once.
func deliver(
    _ context: UnsafeMutableRawPointer?,
    _ status: Int32,
    _ timeouts: Int32,
    _ answer: UnsafeMutablePointer<ares_addrinfo>?
) {
    defer { ares_freeaddrinfo(answer) }
    guard let done = CallbackContext<[String]>.take(context) else { return }
    if status == ARES_SUCCESS, let answer {
        done.succeed(answer.pointee.addresses)
    } else {
        done.fail(AresError(status: status))
    }
}

extension ares_addrinfo {
    /// The addresses as text, IPv4 first: c-ares appends whichever answer comes later.
    var addresses: [String] {
        var nodes: [ares_addrinfo_node] = []
        var next = self.nodes
        while let node = next {
            nodes.append(node.pointee)
            next = node.pointee.ai_next
        }
        return nodes.sorted { $0.ai_family < $1.ai_family }.map { node in
            String(unsafeUninitializedCapacity: Int(NI_MAXHOST)) { text in
                text.withMemoryRebound(to: CChar.self) { text in
                    let size = socklen_t(text.count)
                    let code = getnameinfo(
                        node.ai_addr,
                        node.ai_addrlen,
                        text.baseAddress,
                        size,
                        nil,
                        0,
                        NI_NUMERICHOST
                    )
                    return code == 0 ? strlen(text.baseAddress!) : 0
                }
            }
        }
    }
}
