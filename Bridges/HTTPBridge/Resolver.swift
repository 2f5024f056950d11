// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CLibevent
import Futures
import Loops

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Finds the addresses of names, on a few threads of its own: the system's resolver blocks, and cannot be interrupted.
///
/// A look-up that nobody waits for any more leaves the queue if it has not begun; one that has keeps its thread. So the
/// threads and the queue are bounded, and a resolver that does not answer costs no more than those.
package final class Resolver: Sendable {
    /// A name has no address; with the system's words.
    package struct Failure: Error {
        package let text: String
        package init(_ text: String) { self.text = text }
    }

    static let shared = Resolver(lookUp: systemAddresses)

    private let pool: WorkerPool
    private let lookUp: @Sendable (String) throws -> [String]

    package init(threads: Int = 8, waiting: Int = 1024, lookUp: @escaping @Sendable (String) throws -> [String]) {
        pool = WorkerPool(name: "resolve", size: threads, capacity: waiting)
        self.lookUp = lookUp
    }

    /// The addresses of the name, in the order in which they should be tried; never empty.
    ///
    /// - Executor: Completes on a thread of the resolver.
    /// - Errors: ``Failure``; what the pool says when it takes no more.
    func addresses(of name: String) -> Future<[String]> {
        pool.submit { [lookUp] in
            let addresses = try lookUp(name)
            guard !addresses.isEmpty else { throw Failure("no address of a known kind") }
            return addresses
        }
    }

    private static func systemAddresses(of name: String) throws -> [String] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = streamSocket
        var list: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(name, nil, &hints, &list)
        guard code == 0 else { throw Failure(unsafe String(cString: gai_strerror(code))) }
        defer { unsafe freeaddrinfo(list) }
        var addresses: [String] = []
        var entry = unsafe list
        while let current = unsafe entry {
            if let text = unsafe numeric(current.pointee) { addresses.append(text) }
            unsafe entry = current.pointee.ai_next
        }
        return addresses
    }

    private static func numeric(_ entry: addrinfo) -> String? {
        let size = Int(NI_MAXHOST)
        let text = unsafe [CChar](unsafeUninitializedCapacity: size) { buffer, count in
            let code = unsafe getnameinfo(
                entry.ai_addr,
                entry.ai_addrlen,
                buffer.baseAddress,
                socklen_t(size),
                nil,
                0,
                NI_NUMERICHOST
            )
            count = code == 0 ? unsafe strlen(buffer.baseAddress!) : 0
        }
        return text.isEmpty ? nil : String(decoding: text.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

#if canImport(Glibc)
private let streamSocket = Int32(SOCK_STREAM.rawValue)
#else
private let streamSocket = SOCK_STREAM
#endif
