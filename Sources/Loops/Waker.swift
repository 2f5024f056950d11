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

/// A descriptor that one thread polls and others make readable: an eventfd, elsewhere a pipe.
///
/// On Linux there is a second one for a thread that has nothing else to poll for: it blocks in a read, which costs less
/// than a poll.
///
/// Closed with the last reference: who is about to wake a loop may be overtaken by the loop's release, and must not write
/// to a number that belongs to another file by then.
final class Waker: Sendable {
    let readEnd: Int32
    private let writeEnd: Int32
    #if !canImport(Darwin)
    private let parking: Int32
    #endif
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
        parking = eventfd(0, Int32(EFD_CLOEXEC))
        guard parking >= 0 else {
            let code = errno
            Self.close(descriptor)
            throw LoopUnavailable(operation: "making an eventfd", code: code)
        }
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

    #if canImport(Darwin)
    static let canPark = false
    func park() {}
    func unpark() {}
    #else
    static let canPark = true

    /// Blocks until `unpark`, before or after; a signal may end it, too.
    func park() {
        var count: UInt64 = 0
        _ = unsafe read(parking, &count, 8)
    }

    func unpark() {
        if isForked { return }
        var one: UInt64 = 1
        _ = unsafe write(parking, &one, 8)
    }
    #endif

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
        #else
        Self.close(parking)
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
