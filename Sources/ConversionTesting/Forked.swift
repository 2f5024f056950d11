// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#if os(Linux)
import Glibc

/// Runs the body in a forked child.
///
/// - Parameter whenQuiet: See ``statusOfForked(whenQuiet:_:)``.
/// - Returns: What the body returned; 1 if the child did not end by itself, or not in time.
package func forked(whenQuiet: Bool = true, _ body: () -> Int32) -> Int32 {
    guard let status = statusOfForked(whenQuiet: whenQuiet, body) else { return 1 }
    return status & 0x7f == 0 ? status >> 8 : 1
}

/// Runs the body in a forked child.
///
/// What the language's runtime does for the first time it does under locks of its own, and a child that is forked meanwhile
/// never gets them. Hence the process is quiet before it is forked; who means to fork among busy threads has made them do
/// all of their work once.
///
/// - Parameter whenQuiet: Waits until all other threads of the process are asleep.
/// - Returns: The child's status as the kernel has it; nil if the child did not end in time.
package func statusOfForked(whenQuiet: Bool = true, _ body: () -> Int32) -> Int32? {
    if whenQuiet, !blockUntil(within: .seconds(120), { areOthersAsleep() && areOthersAsleep() }) { return nil }
    let child = fork()
    if child == 0 { _exit(body()) }
    var status: Int32 = 0
    if blockUntil(within: .seconds(120), { unsafe waitpid(child, &status, WNOHANG) != 0 }) { return status }
    kill(child, SIGKILL)
    return nil
}

/// Whether the kernel has all threads of the process asleep but the one that asks.
private func areOthersAsleep() -> Bool {
    guard let directory = unsafe opendir("/proc/self/task") else { return true }
    defer { unsafe closedir(directory) }
    var awake = 0
    while let entry = unsafe readdir(directory) {
        // SAFETY: the kernel ends names with a zero byte.
        let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        // One that has ended meanwhile is asleep for good.
        guard let thread = Int(name), let state = state(ofThread: thread) else { continue }
        if state != UInt8(ascii: "S") { awake += 1 }
    }
    return awake <= 1
}

/// The letter behind the thread's name in what the kernel says of it.
private func state(ofThread thread: Int) -> UInt8? {
    let file = unsafe open("/proc/self/task/\(thread)/stat", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 256)
    // SAFETY: as many bytes as the array has.
    let count = unsafe bytes.withUnsafeMutableBytes { unsafe read(file, $0.baseAddress, $0.count) }
    guard count > 0, let end = bytes[..<count].lastIndex(of: UInt8(ascii: ")")), end + 2 < count else { return nil }
    return bytes[end + 2]
}
#endif
