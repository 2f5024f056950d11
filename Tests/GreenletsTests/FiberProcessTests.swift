// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

@Suite("Fibers: the end of the process")
struct FiberProcessTests {
    @Test(
        "G43: a process ends with fibers suspended, on its own thread and others, and nested, whichever stack asks for it",
        .enabled(if: !Environment.checksLeaks)
    )
    func suspended() async {
        await #expect(processExitsWith: .exitCode(7)) {
            let kept = Log<Unchecked<[Fiber<Int>]>>()
            let release = Promise<Void>()
            for _ in 0..<2 {
                // SAFETY: only kept.
                _ = Future.offThread {
                    kept.add(Unchecked(try suspendedFibers()))
                    try release.future.wait()
                }
            }
            _ = await eventually { kept.entries.count == 2 }
            try await onThread { () throws in
                let fibers = try suspendedFibers()
                let outer = Fiber<Int> { first in
                    let inner = Fiber<Int> { _ in exit(7) }
                    return try inner.switch(first)
                }
                _ = try outer.switch(1)
                withExtendedLifetime(fibers) {}
            }
        }
    }

    @Test(
        "G43: a process ends while a fiber unwinds, and the current fiber can be asked for in the very last handlers",
        .enabled(if: !Environment.checksLeaks)
    )
    func unwinding() async {
        await #expect(processExitsWith: .exitCode(8)) {
            try await onThread { () throws in
                atexit { precondition(Fiber<Int>.current.isActive && !"\(Fiber<Int>.main)".isEmpty) }
                func scope() throws {
                    let fiber = Fiber<Int> { first in
                        defer { exit(8) }
                        return try Fiber<Int>.main.switch(first)
                    }
                    try send(1, to: fiber)
                }
                try scope()
            }
        }
    }
}

private func suspendedFibers() throws -> [Fiber<Int>] {
    let fibers = (0..<10).map { number in
        Fiber<Int> { first in
            let inner = Fiber<Int> { try Fiber<Int>.main.switch($0) }
            return try inner.switch(first + number)
        }
    }
    for fiber in fibers { try send(1, to: fiber) }
    return fibers
}
