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

/// Copies between evhttp's C structures and our values. On the loop's thread.
enum Evhttp {
    /// Copies header fields into one block.
    static func headers(_ list: UnsafeMutablePointer<evkeyvalq>) -> HTTPHeaders {
        var size = 0
        var field = unsafe list.pointee.tqh_first
        while let current = unsafe field {
            size += unsafe strlen(current.pointee.key) + strlen(current.pointee.value) + 2
            unsafe field = current.pointee.next.tqe_next
        }
        if size == 0 { return HTTPHeaders() }
        let block = unsafe [UInt8](unsafeUninitializedCapacity: size) { bytes, count in
            var field = unsafe list.pointee.tqh_first
            while let current = unsafe field {
                unsafe append(current.pointee.key, to: bytes, at: &count)
                unsafe append(current.pointee.value, to: bytes, at: &count)
                unsafe field = current.pointee.next.tqe_next
            }
        }
        return HTTPHeaders(block: block)
    }

    private static func append(
        _ text: UnsafeMutablePointer<CChar>,
        to bytes: UnsafeMutableBufferPointer<UInt8>,
        at count: inout Int
    ) {
        let length = unsafe strlen(text) + 1
        unsafe memcpy(bytes.baseAddress! + count, text, length)
        count += length
    }

    /// Adds header fields to a message that is to be sent.
    ///
    /// - Returns: The name of a field that must not be sent, nil if all were added.
    static func add(_ headers: HTTPHeaders, to list: UnsafeMutablePointer<evkeyvalq>) -> String? {
        if headers.isEmpty { return nil }
        let block = headers.block
        return unsafe block.withUnsafeBufferPointer { bytes in
            for field in headers.fields {
                let name = unsafe UnsafeRawPointer(bytes.baseAddress! + field.name.lowerBound)
                let value = unsafe UnsafeRawPointer(bytes.baseAddress! + field.value.lowerBound)
                // Both end with a NUL, by the block's layout.
                let code = unsafe evhttp_add_header(
                    list,
                    name.assumingMemoryBound(to: CChar.self),
                    value.assumingMemoryBound(to: CChar.self)
                )
                if code != 0 { return String(decoding: block[field.name], as: UTF8.self) }
            }
            return nil
        }
    }

    /// Takes the bytes out of a buffer.
    static func body(_ buffer: OpaquePointer?) -> HTTPBody {
        let size = unsafe evbuffer_get_length(buffer)
        if size == 0 { return HTTPBody([UInt8]()) }
        return unsafe HTTPBody(
            [UInt8](unsafeUninitializedCapacity: size) { bytes, count in
                count = max(0, Int(unsafe evbuffer_remove(buffer, bytes.baseAddress, size)))
            }
        )
    }

    /// Appends the bytes to a buffer.
    static func add(_ body: HTTPBody, to buffer: OpaquePointer?) {
        unsafe body.withBytes { bytes in
            if unsafe !bytes.isEmpty { unsafe evbuffer_add(buffer, bytes.baseAddress, bytes.count) }
        }
    }

    /// What evhttp takes for a limit of time. Its own defaults come into force at zero, so none is a long time.
    static func time(_ limit: Duration) -> timeval {
        if limit <= .zero { return timeval(tv_sec: 1 << 28, tv_usec: 0) }
        let (seconds, attoseconds) = limit.components
        return timeval(
            tv_sec: .init(min(seconds, 1 << 28)),
            tv_usec: .init(attoseconds / 1_000_000_000_000)
        )
    }

    /// The socket error of the last system call, and no error from now on: who finds one later can be sure it is new.
    static func takeError() -> Int32 {
        defer { errno = 0 }
        return errno
    }
}

extension Evhttp {
    /// Puts an error back for the C code that is called next.
    static func setError(_ code: Int32) { errno = code }
}

/// The error numbers that are told apart.
enum SystemError {
    static var refused: Int32 { ECONNREFUSED }

    static func isReset(_ code: Int32) -> Bool { code == ECONNRESET || code == EPIPE || code == ECONNABORTED }
}

/// An object of libevent's, as a key or in a list.
@safe
struct Handle: Hashable {
    let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) { unsafe self.pointer = pointer }

    static func == (a: Handle, b: Handle) -> Bool { unsafe a.pointer == b.pointer }

    func hash(into hasher: inout Hasher) { unsafe hasher.combine(pointer) }
}

/// A request that evhttp has read, and that waits for its reply.
@safe
struct Arrival {
    let message: UnsafeMutablePointer<evhttp_request>

    init(message: UnsafeMutablePointer<evhttp_request>) { unsafe self.message = message }
}
