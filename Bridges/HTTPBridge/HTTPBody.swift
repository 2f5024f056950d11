// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// The bytes of a message's body: given as text or as bytes, read as either.
public struct HTTPBody: Sendable, Hashable {
    private enum Storage: Hashable {
        case bytes([UInt8])
        case text(String)
    }

    private let storage: Storage

    /// Makes a body of bytes.
    public init(_ bytes: [UInt8]) { storage = .bytes(bytes) }

    /// Makes a body of text, in UTF-8.
    public init(_ text: String) { storage = .text(text) }

    /// The body's bytes.
    public var bytes: [UInt8] {
        switch storage {
        case .bytes(let bytes): bytes
        case .text(let text): Array(text.utf8)
        }
    }

    /// The body read as UTF-8; what is not UTF-8 becomes U+FFFD.
    public var text: String {
        switch storage {
        case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
        case .text(let text): text
        }
    }

    /// How many bytes there are.
    public var count: Int {
        switch storage {
        case .bytes(let bytes): bytes.count
        case .text(let text): text.utf8.count
        }
    }

    /// There are no bytes.
    public var isEmpty: Bool { count == 0 }

    /// What a message says of a body whose type it was not told.
    var defaultType: String {
        switch storage {
        case .bytes: "application/octet-stream"
        case .text: "text/plain; charset=utf-8"
        }
    }

    /// Calls `body` with the bytes where they lie; those of a literal are never copied.
    func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        switch storage {
        case .bytes(let bytes): return unsafe bytes.withUnsafeBytes(body)
        case .text(var text): return text.withUTF8 { unsafe body(UnsafeRawBufferPointer($0)) }
        }
    }

    /// Equal if the bytes are.
    public static func == (a: HTTPBody, b: HTTPBody) -> Bool { a.bytes == b.bytes }

    /// Hashes the bytes.
    public func hash(into hasher: inout Hasher) { hasher.combine(bytes) }
}

extension HTTPBody: ExpressibleByStringInterpolation, ExpressibleByArrayLiteral {
    /// Makes a body of the text written down.
    public init(stringLiteral value: String) { self.init(value) }

    /// Makes a body of the bytes written down.
    public init(arrayLiteral elements: UInt8...) { self.init(elements) }
}
