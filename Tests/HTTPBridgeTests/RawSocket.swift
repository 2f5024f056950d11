// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import Loops

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A blocking socket, for peers that misbehave on purpose. Reads end after a minute, so that nothing hangs.
struct RawSocket: Sendable {
    let descriptor: Int32

    struct Failure: Error {
        var operation: String
        var code = errno
    }

    init(_ descriptor: Int32) throws {
        guard descriptor >= 0 else { throw Failure(operation: "socket") }
        self.descriptor = descriptor
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    init() throws {
        #if canImport(Glibc)
        try self.init(socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
        #else
        try self.init(socket(AF_INET, SOCK_STREAM, 0))
        #endif
    }

    /// Connects to a port of this machine.
    init(connectingTo port: UInt16) throws {
        try self.init()
        guard connect(to: port) == 0 else {
            defer { shut() }
            throw Failure(operation: "connect")
        }
    }

    func connect(to port: UInt16) -> Int32 {
        unsafe withLoopback(port) { unsafe Self.connect(descriptor, $0, $1) }
    }

    private static func connect(_ descriptor: Int32, _ address: UnsafePointer<sockaddr>, _ size: socklen_t) -> Int32 {
        #if canImport(Glibc)
        unsafe Glibc.connect(descriptor, address, size)
        #elseif canImport(Musl)
        unsafe Musl.connect(descriptor, address, size)
        #else
        unsafe Darwin.connect(descriptor, address, size)
        #endif
    }

    /// Listens on a free port of this machine.
    func listen(backlog: Int32) throws -> UInt16 {
        guard unsafe withLoopback(0, { unsafe bind(descriptor, $0, $1) }) == 0, shortListen(backlog) == 0 else {
            throw Failure(operation: "listen")
        }
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        unsafe withUnsafeMutablePointer(to: &address) { address in
            _ = unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(descriptor, $0, &size)
            }
        }
        return UInt16(bigEndian: address.sin_port)
    }

    private func shortListen(_ backlog: Int32) -> Int32 {
        #if canImport(Glibc)
        Glibc.listen(descriptor, backlog)
        #elseif canImport(Musl)
        Musl.listen(descriptor, backlog)
        #else
        Darwin.listen(descriptor, backlog)
        #endif
    }

    private func withLoopback(_ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return unsafe withUnsafePointer(to: &address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    func accepted() throws -> RawSocket { try RawSocket(accept(descriptor, nil, nil)) }

    func send(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
            if count <= 0 { return }
            rest = rest.dropFirst(count)
        }
    }

    /// What is there to read, up to `limit` bytes; nil at the end of the stream or after an error.
    func receive(_ limit: Int = 65_536) -> String? {
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            count = max(0, unsafe read(descriptor, buffer.baseAddress, limit))
        }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }

    /// Reads until the text ends so, or the stream ends.
    @discardableResult
    func receive(until end: String) -> String {
        var text = ""
        while !text.hasSuffix(end), let more = receive(1) { text += more }
        return text
    }

    /// Reads the header of a request or reply without a body.
    @discardableResult
    func receiveHeader() -> String { receive(until: "\r\n\r\n") }

    /// Reads a reply whose body has a `Content-Length`.
    func receiveReply() -> String {
        let header = receiveHeader()
        let length = header.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
            .flatMap { Int($0.dropFirst(15).drop { $0 == " " }) }
        var body = ""
        while let length, body.utf8.count < length, let more = receive(length - body.utf8.count) { body += more }
        return header + body
    }

    /// Reads to the end of the stream, however it ends.
    @discardableResult
    func receiveAll() -> String {
        var text = ""
        while let more = receive() { text += more }
        return text
    }

    func shut() { _ = close(descriptor) }

    func shutWriting() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

    /// Closes so that the other side sees a reset.
    func reset() {
        var now = linger(l_onoff: 1, l_linger: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
        shut()
    }
}

/// A server that does what its script says, on a thread of its own: one connection after the other.
struct RawPeer: Sendable {
    let port: UInt16
    /// Completes when the script has ended.
    let ended: Future<Void>

    var url: String { "http://127.0.0.1:\(port)/" }

    init(connections: Int = 1, _ script: @escaping @Sendable (RawSocket) -> Void) throws {
        let listener = try RawSocket()
        port = try listener.listen(backlog: 16)
        let promise = Promise<Void>("the end of a raw peer")
        ended = promise.future
        try PlainThread.start("raw-peer") {
            for _ in 0..<connections {
                guard let connection = try? listener.accepted() else { break }
                script(connection)
            }
            listener.shut()
            promise.succeed(())
        }
    }

    /// A server that reads one request and answers with these bytes, then closes.
    static func answering(_ text: String, connections: Int = 1) throws -> RawPeer {
        try RawPeer(connections: connections) { connection in
            connection.receiveHeader()
            connection.send(text)
            connection.shutWriting()
            connection.receiveAll()
            connection.shut()
        }
    }

    /// A port on which nobody listens.
    static func deadPort() throws -> UInt16 {
        let listener = try RawSocket()
        defer { listener.shut() }
        return try listener.listen(backlog: 1)
    }
}

extension RawSocket {
    func setNonblocking() { _ = fcntl(descriptor, F_SETFL, O_NONBLOCK) }
}
