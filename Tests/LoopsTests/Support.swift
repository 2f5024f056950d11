// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Loops
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The error these tests throw; the text says where.
struct Oops: Error, Equatable, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A counter for several threads.
final class Counter: Sendable {
    private let count = Lock(0)
    var value: Int { count.withLock { $0 } }
    @discardableResult
    func add(_ number: Int = 1) -> Int {
        count.withLock { count in
            count += number
            return count
        }
    }
}

/// A variable for several threads.
final class Cell<Value: Sendable>: Sendable {
    private let cell: Lock<Value>
    init(_ value: Value) { cell = Lock(value) }
    var value: Value {
        get { cell.withLock { $0 } }
        set { cell.withLock { $0 = newValue } }
    }
}

/// A pipe that closes itself.
final class TestPipe: Sendable {
    let readEnd: Int32
    let writeEnd: Int32

    init() {
        var ends: [Int32] = [0, 0]
        let result = unsafe pipe(&ends)
        precondition(result == 0)
        (readEnd, writeEnd) = (ends[0], ends[1])
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    func send(_ byte: UInt8 = 1) {
        var byte = byte
        _ = unsafe write(writeEnd, &byte, 1)
    }

    func receive() -> UInt8? {
        var byte: UInt8 = 0
        return unsafe read(readEnd, &byte, 1) == 1 ? byte : nil
    }

    /// Fills the pipe, so that it is not writable.
    func fill() {
        let flags = fcntl(writeEnd, F_GETFL)
        _ = fcntl(writeEnd, F_SETFL, flags | O_NONBLOCK)
        let block = [UInt8](repeating: 0, count: 4096)
        while unsafe write(writeEnd, block, block.count) > 0 {}
    }

    func drain() {
        let flags = fcntl(readEnd, F_GETFL)
        _ = fcntl(readEnd, F_SETFL, flags | O_NONBLOCK)
        var block = [UInt8](repeating: 0, count: 4096)
        while unsafe read(readEnd, &block, block.count) > 0 {}
    }
}

/// A loop on its own thread, stopped at the end.
func withLoop<R>(_ name: String? = nil, _ body: (IOLoop) async throws -> R) async throws -> R {
    let loop = try IOLoop.onOwnThread(name: name)
    defer { loop.stop() }
    return try await body(loop)
}

/// Whether this process runs under AddressSanitizer or ThreadSanitizer.
let isSanitized = {
    let program = unsafe dlopen(nil, RTLD_LAZY)
    return unsafe dlsym(program, "__asan_init") != nil || dlsym(program, "__tsan_init") != nil
}()

/// How many descriptors this process has open.
func openDescriptors() -> Int { (0..<1024).count { fcntl($0, F_GETFD) != -1 } }

/// An actor that lives on a loop.
actor OnLoop {
    let loop: any ExecutingLoop
    var log: [Int] = []
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }
    init(_ loop: any ExecutingLoop) { self.loop = loop }
    func isOnLoop() -> Bool { loop.isCurrent }
    func note(_ number: Int) -> Bool {
        log.append(number)
        return loop.isCurrent
    }
}
