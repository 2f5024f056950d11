// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CStackSwitch
import CxxThrower
import RuntimeProbe
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

private struct Failure: Error, Equatable {
    let number: Int
}

/// Calls C code that leaves its stack by the first closure.
private func withNext(
    _ leave: () -> Void,
    run: (@convention(c) (UnsafeMutableRawPointer?) -> Void, UnsafeMutableRawPointer) -> Void
) {
    withoutActuallyEscaping(leave) { leave in
        var leave = leave
        unsafe withUnsafeMutablePointer(to: &leave) { pointer in
            unsafe run(
                { unsafe $0!.assumingMemoryBound(to: (() -> Void).self).pointee() },
                UnsafeMutableRawPointer(pointer)
            )
        }
    }
}

@Suite("The switch") struct SwitchTests {
    @Test("H1: locals of every frame and the rounding mode survive a switch") func registers() {
        onCarrier {
            func descend(_ depth: Int, _ stack: Stack, _ seed: Double) -> Double {
                let local = seed * 1.5
                let other = depth &* 7
                if depth == 0 { stack.park() } else { _ = descend(depth - 1, stack, local) }
                return other == depth &* 7 ? local : .nan
            }
            @inline(never) func third(of value: Double) -> Double { value / 3 }
            let nearest = third(of: 1)
            var results: [Double] = []
            let stacks = (1...20).map { number in
                Stack { stack in
                    if number % 2 == 0 { fesetround(FE_UPWARD) }
                    let result = descend(number, stack, Double(number))
                    // Arithmetic itself, too: it obeys another register than the one `fegetround` reads.
                    let isUpward = number % 2 == 0
                    let isKept = (fegetround() == FE_UPWARD) == isUpward && (third(of: 1) > nearest) == isUpward
                    results.append(isKept ? result : -1)
                }
            }
            for stack in stacks { stack.enter() }
            #expect(fegetround() == FE_TONEAREST)
            for stack in stacks.reversed() { stack.enter() }
            let expected = (1...20).reversed().map { Double($0) * 1.5 }
            #expect(results == expected)
            #expect(fegetround() == FE_TONEAREST)
        }
    }

    @Test("A switch carries one pointer each way") func payload() {
        onCarrier {
            let carrier = unsafe sy_carrier_current()!
            let root = unsafe sy_carrier_root(carrier)
            let context = unsafe sy_context_create(
                carrier,
                0,
                { argument in
                    let me = unsafe sy_carrier_running(sy_carrier_current()!)
                    var value = UInt(bitPattern: argument)
                    for _ in 0..<3 {
                        let payload = unsafe UnsafeMutableRawPointer(bitPattern: value + 1)
                        value = unsafe UInt(
                            bitPattern: sy_context_switch(me, sy_carrier_root(me.pointee.carrier), payload)
                        )
                    }
                    unsafe sy_context_set_exit_target(
                        me,
                        sy_carrier_root(me.pointee.carrier),
                        UnsafeMutableRawPointer(bitPattern: value)
                    )
                },
                UnsafeMutableRawPointer(bitPattern: 10)
            )!
            var seen: [UInt] = []
            for value: UInt in [100, 200, 300, 400] {
                unsafe seen.append(
                    UInt(bitPattern: sy_context_switch(root, context, UnsafeMutableRawPointer(bitPattern: value)))
                )
            }
            #expect(seen == [11, 201, 301, 400])
            #expect(unsafe sy_context_is_finished(context))
            unsafe sy_context_destroy(context)
        }
    }

    @Test("Stacks switch to each other directly, and errors stay on the stack that threw them") func direct() {
        onCarrier {
            var log: [String] = []
            var ping: Stack!
            let pong = Stack { stack in
                for round in 0..<3 {
                    do { throw Failure(number: round) } catch {
                        stack.switchTo(ping)
                        log.append("pong \((error as? Failure)?.number ?? -1)")
                    }
                }
            }
            ping = Stack { stack in
                for round in 0..<4 {
                    do { throw Failure(number: round * 10) } catch {
                        stack.switchTo(pong)
                        log.append("ping \((error as? Failure)?.number ?? -1)")
                    }
                }
            }
            ping.enter()  // the fourth round's pong ends and comes back here
            #expect(pong.isFinished && !ping.isFinished)
            ping.enter()
            #expect(ping.isFinished)
            #expect(log == ["ping 0", "pong 0", "ping 10", "pong 1", "ping 20", "pong 2", "ping 30"])
            ping = nil
        }
    }

    @Test("G50: four stacks in catch blocks of C++ have their own exceptions", arguments: [false, true])
    func exceptions(straight: Bool) {
        onCarrier {
            var results: [Int32] = []
            var stacks: [Stack] = []
            for number in 0..<4 {
                let stack = Stack { stack in
                    unsafe withNext {
                        // Straight to the next stack that has not ended, or to the carrier's own.
                        let next = (1..<4).map { stacks[(number + $0) % 4] }.first { !$0.isFinished }
                        if straight, let next { stack.switchTo(next) } else { stack.park() }
                    } run: { park, context in
                        unsafe results.append(cxx_park_in_catch(Int32(number), park, context))
                    }
                }
                stacks.append(stack)
            }
            for _ in 0..<20 {
                for stack in stacks where !stack.isFinished {
                    stack.enter()
                    // Here nobody handles anything.
                    #expect(cxx_exceptions_here() == 0)
                }
            }
            #expect(results == [0, 0, 0, 0])
        }
    }

    @Test("G50: an exception on its way to a C++ catch block is its stack's, and another does not see it")
    func unwinding() {
        onCarrier {
            var results: [Int32] = []
            let stacks = (0..<4).map { number in
                Stack { stack in
                    results.append(Int32(cxx_exceptions_here()))
                    unsafe withNext {
                        stack.park()
                    } run: { park, context in
                        unsafe results.append(cxx_park_while_unwinding(Int32(number), park, context))
                    }
                }
            }
            for _ in 0..<2 {
                for stack in stacks {
                    stack.enter()
                    #expect(cxx_exceptions_here() == 0)
                }
            }
            #expect(stacks.allSatisfy { $0.isFinished })
            #expect(results == Array(repeating: 0, count: 8))
        }
    }

    @Test("H9: what is on a stack keeps its address while other stacks come and go") func addresses() {
        onCarrier {
            var stayed = false
            let stack = Stack { stack in
                var value = 1
                unsafe withUnsafeMutablePointer(to: &value) { pointer in
                    let address = UInt(bitPattern: pointer)
                    for _ in 0..<10 { stack.park() }
                    unsafe pointer.pointee += 1
                    // AddressSanitizer keeps locals beside the stack.
                    unsafe stayed =
                        address == UInt(bitPattern: pointer)
                        && (isSanitized || sy_context_contains(stack.pointer, UnsafeRawPointer(pointer)))
                }
                stayed = stayed && value == 2
            }
            for _ in 0..<10 {
                stack.enter()
                for _ in 0..<20 { Stack { _ in _ = [Int](repeating: 0, count: 100) }.enter() }
            }
            stack.enter()
            #expect(stayed)
        }
    }

    @Test("H7: a finished stack has released everything its body captured") func releases() {
        final class Token {}
        onCarrier {
            var alive: [() -> Token?] = []
            for _ in 0..<100 {
                let token = Token()
                alive.append { [weak token] in token }
                let stack = Stack { stack in
                    withExtendedLifetime(token) { stack.park() }
                }
                stack.enter()
                stack.enter()
                #expect(stack.isFinished)
            }
            let released = alive.allSatisfy { $0() == nil }
            #expect(released)
        }
    }

    @Test("H7: leaving for good from a frame that owns nothing leaks nothing") func exitTo() {
        final class Token {}
        onCarrier {
            weak var token: Token?
            let carrier = unsafe sy_carrier_current()!
            do {
                let strong = Token()
                token = strong
                // SAFETY: the body takes the reference over.
                let argument = unsafe Unmanaged.passRetained(strong).toOpaque()
                let context = unsafe sy_context_create(
                    carrier,
                    0,
                    { argument in
                        unsafe consume(argument!)
                        let me = unsafe sy_carrier_running(sy_carrier_current()!)
                        unsafe sy_context_exit_to(me, sy_carrier_root(me.pointee.carrier), nil)
                    },
                    argument
                )!
                unsafe sy_context_switch(sy_carrier_root(carrier), context, nil)
                #expect(unsafe sy_context_is_finished(context))
                unsafe sy_context_destroy(context)
            }
            #expect(token == nil)

            @inline(never) func consume(_ argument: UnsafeMutableRawPointer) {
                // SAFETY: retained above, once.
                let token = unsafe Unmanaged<Token>.fromOpaque(argument).takeRetainedValue()
                withExtendedLifetime(token) {}
            }
        }
    }

    @Test("H6: destroying a suspended stack stops the process and names it") func destroySuspended() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            onCarrier {
                let stack = Stack { $0.park() }
                name(stack, "stubborn")
                stack.enter()
                unsafe sy_context_destroy(stack.pointer)
            }
        }
        let text = standardError(result)
        #expect(text.contains("\"stubborn\"") && text.contains("destroyed while suspended"))
    }

    @Test("H6: a stack that is given up is kept and counted") func abandon() async {
        await #expect(processExitsWith: .success) {
            onCarrier {
                let stack = Stack { $0.park() }
                stack.enter()
                unsafe sy_context_abandon(stack.pointer)
                precondition(sy_stack_get_statistics().abandoned == 1)
                precondition(!hasStacks || sy_stack_get_statistics().live == 1)
                // SAFETY: the wrapper would destroy it.
                _ = unsafe Unmanaged.passRetained(stack)
            }
            precondition(!hasStacks || sy_stack_get_statistics().live == 1)
        }
    }

    @Test("G49: an entry that returns with nowhere to go stops the process") func nowhere() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            onCarrier {
                let carrier = unsafe sy_carrier_current()!
                let context = unsafe sy_context_create(carrier, 0, { _ in }, nil)!
                unsafe sy_context_switch(sy_carrier_root(carrier), context, nil)
            }
        }
        #expect(standardError(result).contains("nowhere to go"))
    }

    @Test("The running context's words of the embedder are in its thread's block") func userWords() {
        onCarrier {
            let carrier = unsafe sy_carrier_current()!
            let block = UnsafeMutablePointer<UnsafeMutableRawPointer?>.allocate(capacity: 3)
            defer { unsafe block.deallocate() }
            func fill(_ first: UInt) {
                for index in 0..<3 { unsafe block[index] = UnsafeMutableRawPointer(bitPattern: first + UInt(index)) }
            }
            func read() -> [UInt] { (0..<3).map { unsafe UInt(bitPattern: block[$0]) } }
            fill(100)
            unsafe sy_carrier_set_user_words(carrier, block)
            defer { unsafe sy_carrier_set_user_words(carrier, nil) }
            var seen: [[UInt]] = []
            let stack = Stack { stack in
                seen.append(read())
                unsafe sy_context_set_user_word(stack.pointer, 0, UnsafeMutableRawPointer(bitPattern: 7))
                seen.append(read())
                stack.park()
                seen.append(read())
            }
            unsafe sy_context_set_user_word(stack.pointer, 1, UnsafeMutableRawPointer(bitPattern: 5))
            stack.enter()
            #expect(read() == [100, 101, 102])
            stack.enter()
            #expect(read() == [100, 101, 102])
            #expect(seen == [[0, 5, 0], [7, 5, 0], [7, 5, 0]])
        }
    }
}
