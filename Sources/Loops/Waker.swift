// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CLibevent
import Futures

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A descriptor that one thread polls and others make readable: an eventfd, elsewhere a pipe.
///
/// A thread that has nothing else to poll for parks instead, which costs less than a poll.
///
/// Closed with the last reference: who is about to wake a loop may be overtaken by the loop's release, and must not write
/// to a number that belongs to another file by then.
final class Waker: Sendable {
    let readEnd: Int32
    private let writeEnd: Int32
    private let parker = ThreadParker()
    /// Each write is an edge of its own, so nothing has to be read back.
    let isEdgeTriggered: Bool
    private let forkGeneration = Fork.generation

    init(edgeTriggered: Bool) throws {
        #if canImport(Darwin)
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { throw LoopUnavailable(operation: "making a pipe", code: errno) }
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        (readEnd, writeEnd, isEdgeTriggered) = (ends[0], ends[1], false)
        #else
        let descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard descriptor >= 0 else { throw LoopUnavailable(operation: "making an eventfd", code: errno) }
        (readEnd, writeEnd, isEdgeTriggered) = (descriptor, descriptor, edgeTriggered)
        #endif
    }

    /// In a forked child it is the parent's loop that would be woken.
    private var isForked: Bool { Fork.current != forkGeneration }

    func wake() {
        if isForked { return }
        var one: UInt64 = 1
        #if canImport(Darwin)
        // A full pipe is readable: nothing is lost.
        _ = unsafe write(writeEnd, &one, 1)
        #else
        _ = unsafe write(writeEnd, &one, 8)
        #endif
    }

    /// Blocks until `unpark`, before or after.
    func park() { _ = parker.wait() }

    func unpark() { if !isForked { parker.wake() } }

    func drain() {
        if isEdgeTriggered { return }
        var buffer: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0)
        unsafe withUnsafeMutableBytes(of: &buffer) { bytes in
            #if canImport(Darwin)
            while unsafe read(readEnd, bytes.baseAddress, bytes.count) == bytes.count {}
            #else
            _ = unsafe read(readEnd, bytes.baseAddress, 8)
            #endif
        }
    }

    deinit {
        Self.close(readEnd)
        #if canImport(Darwin)
        Self.close(writeEnd)
        #endif
    }

    private static func close(_ descriptor: Int32) {
        #if canImport(Darwin)
        _ = Darwin.close(descriptor)
        #elseif canImport(Musl)
        _ = Musl.close(descriptor)
        #else
        _ = Glibc.close(descriptor)
        #endif
    }
}
