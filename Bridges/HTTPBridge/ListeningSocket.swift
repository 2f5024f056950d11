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

/// A socket that listens, made on the thread that asks, so that port and errors are known at once.
struct ListeningSocket {
    let descriptor: Int32
    let port: UInt16

    init(host: String, port: UInt16, backlog: Int) throws {
        let name = "\(host):\(port)"
        var storage = sockaddr_storage()
        var length = Int32(MemoryLayout<sockaddr_storage>.size)
        let text = host.contains(":") ? "[\(host)]" : host
        let parsed = unsafe withUnsafeMutablePointer(to: &storage) { storage in
            unsafe storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe evutil_parse_sockaddr_port(text, address, &length)
            }
        }
        guard parsed == 0, !host.isEmpty else { throw HTTPServerError(.cannotListen(address: name, code: EINVAL)) }
        // The port stands at the same place in both families.
        unsafe withUnsafeMutablePointer(to: &storage) { storage in
            unsafe storage.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                unsafe $0.pointee.sin_port = port.bigEndian
            }
        }
        #if canImport(Glibc)
        let stream = Int32(SOCK_STREAM.rawValue)
        #else
        let stream = SOCK_STREAM
        #endif
        let descriptor = socket(Int32(storage.ss_family), stream, 0)
        guard descriptor >= 0 else { throw HTTPServerError(.cannotListen(address: name, code: errno)) }
        evutil_make_socket_nonblocking(descriptor)
        evutil_make_socket_closeonexec(descriptor)
        evutil_make_listen_socket_reuseable(descriptor)
        let isListening = unsafe withUnsafeMutablePointer(to: &storage) { storage in
            unsafe storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe bind(descriptor, address, socklen_t(length)) == 0 && listen(descriptor, Int32(backlog)) == 0
                    && getsockname(descriptor, address, &length.asLength) == 0
            }
        }
        guard isListening else {
            let code = errno
            evutil_closesocket(descriptor)
            throw HTTPServerError(.cannotListen(address: name, code: code))
        }
        self.descriptor = descriptor
        self.port = unsafe withUnsafePointer(to: &storage) { storage in
            unsafe storage.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                unsafe UInt16(bigEndian: $0.pointee.sin_port)
            }
        }
    }

    func close() { evutil_closesocket(descriptor) }
}

extension Int32 {
    fileprivate var asLength: socklen_t {
        get { socklen_t(self) }
        set { self = Int32(newValue) }
    }
}
