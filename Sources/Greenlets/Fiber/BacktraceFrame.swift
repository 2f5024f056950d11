// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CStackSwitch

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A place in the code that a suspended stack comes back to.
public struct BacktraceFrame: Sendable, Hashable, CustomStringConvertible {
    /// Where the call returns to.
    public let address: UInt

    init(_ address: UnsafeMutableRawPointer) { self.address = UInt(bitPattern: address) }

    /// The function, as in the source where it is Swift's; nil if the system knows no name for it: it names what is exported.
    ///
    /// - Complexity: Looks it up each time.
    public var function: String? {
        // The call is before the place it returns to, which may be the next function's.
        guard let name = unsafe sy_symbol_name(UnsafeRawPointer(bitPattern: address - 1)!) else { return nil }
        guard let plain = unsafe demangle(name, strlen(name), nil, nil, 0) else { return unsafe String(cString: name) }
        defer { unsafe free(plain) }
        return unsafe String(cString: plain)
    }

    /// The function, or the address in hexadecimal.
    public var description: String { function ?? "0x\(String(address, radix: 16))" }
}

/// Of the standard library, which exports it for such uses.
@_silgen_name("swift_demangle")
private func demangle(
    _ name: UnsafePointer<CChar>,
    _ length: Int,
    _ buffer: UnsafeMutablePointer<CChar>?,
    _ size: UnsafeMutablePointer<Int>?,
    _ flags: UInt32
) -> UnsafeMutablePointer<CChar>?
