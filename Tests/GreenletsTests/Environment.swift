// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

enum Environment {
    static func set(_ name: String, _ value: String) { unsafe setenv(name, value, 1) }

    static func integer(_ name: String) -> Int? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe Int(String(cString: value))
    }

    /// Whether a leak checker looks at the process as it exits, and then at what such an exit rightly leaves behind.
    static var checksLeaks: Bool { unsafe dlsym(nil, "__lsan_do_leak_check") != nil }

    /// Not where the address space is a sanitizer's, or the system does not limit it.
    static var canLimitMemory: Bool {
        #if os(Linux)
        return unsafe dlsym(nil, "__sanitizer_start_switch_fiber") == nil && dlsym(nil, "__tsan_create_fiber") == nil
        #else
        return false
        #endif
    }

    /// ThreadSanitizer puts signals off, and lets no child go on with threads.
    static var putsSignalsOff: Bool { unsafe dlsym(nil, "__tsan_create_fiber") != nil }

    /// Has the system refuse this process any more address space, or not.
    static func limitMemory(_ isLimited: Bool) {
        #if os(Linux)
        var limit = rlimit()
        unsafe getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
        limit.rlim_cur = isLimited ? 1 << 20 : limit.rlim_max
        unsafe setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
        #endif
    }
}
