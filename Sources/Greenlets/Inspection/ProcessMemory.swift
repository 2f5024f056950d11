// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// How much memory the process uses.
enum ProcessMemory {
    /// Bytes in memory; nil where the system does not tell.
    @Sendable static func resident() -> Int? {
        #if os(Linux)
        let file = unsafe open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 128)
        // SAFETY: as many bytes as the array has.
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe read(file, $0.baseAddress, $0.count) }
        guard count > 0 else { return nil }
        let fields = bytes[..<count].split(separator: UInt8(ascii: " "))
        guard fields.count > 1, let pages = Int(String(decoding: fields[1], as: UTF8.self)) else { return nil }
        return pages * sysconf(Int32(_SC_PAGESIZE))
        #elseif canImport(Darwin)
        var usage = rusage_info_current()
        let error = unsafe withUnsafeMutablePointer(to: &usage) { usage in
            unsafe usage.withMemoryRebound(to: rusage_info_t?.self, capacity: 1) {
                unsafe proc_pid_rusage(getpid(), RUSAGE_INFO_CURRENT, $0)
            }
        }
        return error == 0 ? Int(usage.ri_phys_footprint) : nil
        #else
        return nil
        #endif
    }
}
