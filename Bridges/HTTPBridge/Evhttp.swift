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
        // Not with `init(unsafeUninitializedCapacity:)`, which is not specialised (6.3.1): it looks its types up.
        var block: [UInt8] = []
        block.reserveCapacity(size)
        unsafe field = list.pointee.tqh_first
        while let current = unsafe field {
            unsafe append(current.pointee.key, to: &block)
            unsafe append(current.pointee.value, to: &block)
            unsafe field = current.pointee.next.tqe_next
        }
        return HTTPHeaders(block: block)
    }

    private static func append(_ text: UnsafeMutablePointer<CChar>, to block: inout [UInt8]) {
        unsafe block.append(contentsOf: UnsafeRawBufferPointer(start: text, count: strlen(text) + 1))
    }

    /// Adds header fields to a message that is to be sent.
    ///
    /// - Returns: The name of a field that must not be sent, nil if all were added.
    static func add(_ headers: HTTPHeaders, to list: UnsafeMutablePointer<evkeyvalq>) -> String? {
        var ignored: KnownFields = []
        return unsafe add(headers, to: list, noting: &ignored)
    }

    /// The same, and notes which of the fields that a server adds are among them: one pass instead of a search for each.
    static func add(
        _ headers: HTTPHeaders,
        to list: UnsafeMutablePointer<evkeyvalq>,
        noting known: inout KnownFields
    ) -> String? {
        if headers.isEmpty { return nil }
        return unsafe headers.block.withUnsafeBytes { bytes in
            var position = 0
            while position < bytes.count {
                // Both end with a NUL, by the block's layout.
                let name = unsafe (bytes.baseAddress! + position).assumingMemoryBound(to: CChar.self)
                let nameLength = unsafe strlen(name)
                let value = unsafe name + nameLength + 1
                guard unsafe evhttp_add_header(list, name, value) == 0 else { return unsafe String(cString: name) }
                unsafe known.note(name, length: nameLength)
                position += unsafe nameLength + strlen(value) + 2
            }
            return nil
        }
    }

    /// The fields that a server adds where they are missing, or that say one must not be added.
    struct KnownFields: OptionSet {
        let rawValue: UInt8
        static let contentType = KnownFields(rawValue: 1)
        static let contentLength = KnownFields(rawValue: 2)
        static let transferEncoding = KnownFields(rawValue: 4)
        static let date = KnownFields(rawValue: 8)

        fileprivate mutating func note(_ name: UnsafePointer<CChar>, length: Int) {
            switch length {
            case 4: unsafe note(.date, if: "Date", is: name)
            case 12: unsafe note(.contentType, if: "Content-Type", is: name)
            case 14: unsafe note(.contentLength, if: "Content-Length", is: name)
            case 17: unsafe note(.transferEncoding, if: "Transfer-Encoding", is: name)
            default: break
            }
        }

        private mutating func note(_ field: KnownFields, if text: StaticString, is name: UnsafePointer<CChar>) {
            let isKnown =
                unsafe memcmp(name, text.utf8Start, text.utf8CodeUnitCount) == 0
                || evutil_ascii_strcasecmp(name, UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self))
                    == 0
            if isKnown { insert(field) }
        }
    }

    /// Adds the field that says how long the body is; libevent would print the number.
    static func add(contentLength: Int, to list: UnsafeMutablePointer<evkeyvalq>) {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 21) { text in
            var position = 20
            unsafe text[position] = 0
            var rest = contentLength
            repeat {
                position -= 1
                unsafe text[position] = CChar(48 + rest % 10)
                rest /= 10
            } while rest > 0
            _ = unsafe evhttp_add_header(list, "Content-Length", text.baseAddress! + position)
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

/// The text of a `Date` field, made anew when the second has changed: libevent would print it for every reply.
@safe
struct DateText: ~Copyable {
    private static var size: Int { 30 }
    private let text: UnsafeMutablePointer<CChar>
    private var second = time_t.min

    init() {
        unsafe text = .allocate(capacity: Self.size)
        unsafe text.initialize(repeating: 0, count: Self.size)
    }

    deinit { unsafe text.deallocate() }

    /// Adds the field.
    mutating func add(to list: UnsafeMutablePointer<evkeyvalq>) {
        let now = time(nil)
        if now != second {
            second = now
            var moment = now
            var parts = unsafe tm()
            unsafe gmtime_r(&moment, &parts)
            _ = unsafe evutil_date_rfc1123(text, Self.size, &parts)
        }
        _ = unsafe evhttp_add_header(list, "Date", text)
    }
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
