// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#if os(Linux)
import ConversionTesting
import Foundation
import Futures
import Glibc
import Greenlets
import Loops
import SignalBridge
import Testing

extension SignalBridgeTests {
    @Suite("The handler's stack") struct StackTests {
        // A sanitizer objects to the painting.
        @Test(
            "H17: a signal that a greenlet's thread receives is handled off the greenlet's stack, which may be the smallest",
            .enabled(if: !isSanitized)
        )
        func offTheStack() async throws {
            let log = Log<SignalDelivery>()
            let handler = try Signal.user1.handle { log.add($0) }
            defer { handler.cancel() }
            let loop = try IOLoop.onOwnThread()
            defer { loop.stop() }
            let (isInstalled, nothing, signal) = try await Greenlet.spawn(on: loop, stackSize: 32 * 1024) {
                raiseHere(.user1)
                return (hasAlternateStack(), bytesTouched { raise(0) }, bytesTouched { raise(SIGUSR1) })
            }.value
            #expect(isInstalled)
            // A frame that the kernel pushes for a handler takes more than a kilobyte.
            #expect(signal < nothing + 512)
            #expect(await eventually { log.sum == 4 })
        }

        @Test("H17: a thread without an alternate stack handles signals on its own")
        func plainThread() async throws {
            let log = Log<SignalDelivery>()
            let handler = try Signal.user1.handle { log.add($0) }
            defer { handler.cancel() }
            let isInstalled = try await onThread {
                var none = unsafe stack_t()
                unsafe none.ss_flags = Int32(SS_DISABLE)
                unsafe sigaltstack(&none, nil)
                raiseHere(.user1)
                return hasAlternateStack()
            }
            #expect(!isInstalled)
            #expect(await eventually { log.sum == 1 })
        }

        /// How far down the stack the closure wrote, at its third run: the first ones look up functions, on the stack.
        @inline(never)
        private func bytesTouched(_ body: () -> Int32) -> Int {
            for _ in 0..<2 { _ = body() }
            let (gap, size) = (1024, 12 * 1024)
            let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: size)
            defer { unsafe copy.deallocate() }
            var here = 0
            // SAFETY: there is that much left of the stack, below all that is alive.
            let base = unsafe withUnsafeMutablePointer(to: &here) { UInt(bitPattern: $0) - UInt(gap + size) }
            guard let paint = unsafe UnsafeMutableRawPointer(bitPattern: base) else { return -1 }
            unsafe memset(paint, 0x5a, size)
            _ = body()
            // To look there is to write there.
            unsafe memcpy(copy, paint, size)
            let touched = unsafe UnsafeBufferPointer(start: copy, count: size).firstIndex { $0 != 0x5a }
            return touched.map { size - $0 } ?? 0
        }
    }
}

/// Whether the calling thread has a stack for signal handlers.
private func hasAlternateStack() -> Bool {
    var current = unsafe stack_t()
    unsafe sigaltstack(nil, &current)
    return unsafe current.ss_flags & Int32(SS_DISABLE) == 0
}

/// Whether this process runs under AddressSanitizer or ThreadSanitizer.
private let isSanitized = {
    let program = unsafe dlopen(nil, RTLD_LAZY)
    return unsafe dlsym(program, "__asan_init") != nil || dlsym(program, "__tsan_init") != nil
}()
#endif
