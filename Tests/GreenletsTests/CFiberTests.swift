// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFiberClient
import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

@Suite("Fibers: from C")
struct CFiberTests {
    @Test("G50: C code makes fibers, switches with messages, and asks what they are")
    func messages() async throws {
        try await everywhere { c_fiber_messages() }
    }

    @Test("G50: C code throws errors into fibers, kills them, and is told of both")
    func errors() async throws {
        try await everywhere { c_fiber_errors() }
    }

    @Test("G50: C code holds fibers by counted references, and changes their parents")
    func lifetimes() async throws {
        try await everywhere { c_fiber_lifetimes() }
    }

    @Test("G50: a fiber that Swift code made is used from C, and one from C in Swift; errors keep what they are")
    func bothLanguages() async throws {
        try await onThread { () throws in
            let fiber = unsafe Fiber<UnsafeMutableRawPointer?>(name: "from Swift") { message in
                let next = unsafe try Fiber.current.parent!.switch(message.map { unsafe $0 + 1 })
                guard unsafe next == nil else { return unsafe next }
                throw Oops(number: 3)
            }
            let reference = unsafe fiber.makeCReference()
            #expect(unsafe c_fiber_swift(reference) == 0)
            unsafe sy_fiber_release(reference)
            let isDead = unsafe fiber.isDead
            #expect(isDead)

            // An error passes through C code as what it is.
            for error in [Oops(number: 3), CFiberError(code: 5), CancellationError()] as [any Error] {
                let adder = unsafe c_fiber_adder()
                let inSwift = unsafe Fiber(cReference: adder)
                unsafe sy_fiber_release(adder)
                let answer = unsafe try inSwift.switch(UnsafeMutableRawPointer(bitPattern: 41))
                #expect(UInt(bitPattern: answer) == 42)
                #expect(text { _ = unsafe try inSwift.throw(error) } == "\(error)")
                let isDead = unsafe inSwift.isDead
                #expect(isDead)
            }
        }
    }

    /// On a plain thread, and in a greenlet.
    private func everywhere(_ body: @escaping @Sendable () -> Int32) async throws {
        #expect(try await onThread { body() } == 0)
        try await onLoop { (loop) async throws in
            #expect(try await Greenlet.spawn(on: loop) { body() }.value == 0)
        }
    }
}
