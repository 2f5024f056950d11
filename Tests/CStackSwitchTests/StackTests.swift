// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CStackSwitch
import RuntimeProbe
import Synchronization
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Where addresses of frames go, so that the optimiser has to believe they are used.
private let sink = Atomic<UInt>(0)

/// Touches about a kilobyte of stack per level.
@inline(never) private func dive(_ depth: Int) -> Int {
    unsafe withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 16) { buffer in
        sink.store(UInt(bitPattern: buffer.baseAddress), ordering: .relaxed)
        unsafe buffer[depth % 1024] = UInt8(truncatingIfNeeded: depth)
        let below = depth == 0 ? 0 : dive(depth - 1) + 1
        return unsafe below + Int(buffer[depth % 1024]) / 256
    }
}

private func overflow(named label: String) {
    onCarrier {
        let stack = Stack(size: 64 * 1024) { _ in print(dive(1_000_000)) }
        name(stack, label)
        unsafe stack.pointer.pointee.identifier = 42
        stack.enter()
    }
}

/// The return addresses the system's unwinder finds from here; nil where the C library has none.
private func framesByUnwinding() -> [UInt]? {
    typealias Backtrace = @convention(c) (UnsafeMutablePointer<UnsafeMutableRawPointer?>, CInt) -> CInt
    guard let symbol = unsafe dlsym(nil, "backtrace") else { return nil }
    // SAFETY: the function's type in every C library that has it.
    let backtrace = unsafe unsafeBitCast(symbol, to: Backtrace.self)
    var addresses = unsafe [UnsafeMutableRawPointer?](repeating: nil, count: 200)
    let count = unsafe addresses.withUnsafeMutableBufferPointer { unsafe Int(backtrace($0.baseAddress!, 200)) }
    return unsafe addresses.prefix(count).map { UInt(bitPattern: $0) }
}

@Suite("Stacks") struct StackTests {
    @Test("H10: running off the end stops the process with the stack's name, number and size") func names() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            set("SWITCHYARD_STACKS", "mappings")
            overflow(named: "bottomless")
        }
        let text = standardError(result)
        #expect(text.contains("stack overflow in greenlet \"bottomless\" (#42)"))
        #expect(text.contains("bytes of its stack are used"))
    }

    @Test("H10: so does one whose guard is a page-table marker in a slab") func slabs() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            set("SWITCHYARD_STACKS", "slabs")
            overflow(named: "in a slab")
        }
        if sy_stack_get_guarding() == SY_GUARD_MARKERS {
            #expect(standardError(result).contains("stack overflow in greenlet \"in a slab\""))
        }
    }

    @Test("H10: without guards a canary finds it when the stack is given back") func canary() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            set("SWITCHYARD_STACKS", "unguarded")
            set("SWITCHYARD_ENGINE", "assembly")
            onCarrier {
                let below = Stack(size: 32 * 1024) { _ in }  // its memory takes the overflow
                let stack = Stack(size: 32 * 1024) { _ in }
                name(stack, "unguarded")
                stack.enter()
                unsafe memset(stack.pointer.pointee.low_!, 0, 8)
                withExtendedLifetime(below) {}
            }
        }
        #expect(standardError(result).contains("\"unguarded\" (#0): stack overflow, found when it ended"))
    }

    @Test("H10: a handler that was there before is still called, for faults of others too") func chain() async {
        let result = await #expect(processExitsWith: .exitCode(7), observing: [\.standardErrorContent]) {
            exitWithSevenOnFault()
            onCarrier {
                unsafe UnsafeMutablePointer<Int>(bitPattern: 16)!.pointee = 1
            }
        }
        #expect(!standardError(result).contains("stack overflow"))
        let own = await #expect(processExitsWith: .exitCode(7), observing: [\.standardErrorContent]) {
            exitWithSevenOnFault()
            set("SWITCHYARD_STACKS", "mappings")
            overflow(named: "chained")
        }
        #expect(standardError(own).contains("\"chained\""))
    }

    @Test("H10: a stack is as large as asked for, and 256 KiB unless told", arguments: [0, 40_000, 1 << 20, 20 << 20])
    func sizes(_ size: Int) {
        onCarrier {
            let wanted = size == 0 ? sy_stack_default_size() : size
            let stack = Stack(size: size) { stack in
                #expect(unsafe sy_context_stack_size(stack.pointer) >= wanted)
                _ = dive(wanted / 4 / 1024)
            }
            stack.enter()
            #expect(stack.isFinished)
        }
    }

    @Test("A stack's high water is what its deepest call used", .enabled(if: hasStacks, needsStacks))
    func highWater() {
        onCarrier {
            var before = 0
            let stack = Stack(size: 3 << 20) { stack in
                unsafe before = sy_context_high_water(stack.pointer)
                _ = dive(1024)
                stack.park()
            }
            stack.enter()
            let after = unsafe sy_context_high_water(stack.pointer)
            #expect(after - before >= 900 * 1024)
            #expect(unsafe sy_context_stack_size(stack.pointer) >= after)
            stack.enter()
        }
    }

    @Test(
        "A pool takes stacks back, gives them out again, and looks at what they keep every 512th time",
        .enabled(if: hasStacks, needsStacks)
    )
    func pool() {
        onCarrier {
            var addresses: Set<UInt> = []
            for _ in 0..<100 {
                let stack = Stack(size: 3 << 20) { _ in _ = dive(1024) }
                unsafe addresses.insert(UInt(bitPattern: stack.pointer))
                stack.enter()
            }
            #expect(addresses.count == 1)
            for _ in 100..<512 { Stack(size: 3 << 20) { _ in }.enter() }
            let stack = Stack(size: 3 << 20) { _ in }
            #expect(unsafe addresses.contains(UInt(bitPattern: stack.pointer)))
            #expect(unsafe sy_context_high_water(stack.pointer) <= 16 * 1024)
            stack.enter()
        }
    }

    @Test("Beyond 1,024 idle stacks of a size none keeps its memory", .enabled(if: hasStacks, needsStacks))
    func residentBound() {
        onCarrier {
            let size = 384 * 1024
            func highWaters(_ body: @escaping () -> Void) -> [Int] {
                let stacks = (0..<1_100).map { _ in Stack(size: size) { _ in body() } }
                let before = stacks.map { unsafe sy_context_high_water($0.pointer) }
                for stack in stacks { stack.enter() }
                return before
            }
            _ = highWaters { _ = dive(40) }
            #expect(highWaters {}.count { $0 > 32 * 1024 } == 1_024)
        }
    }

    @Test("A pool that is full gives stacks back to the system", .enabled(if: hasStacks, needsStacks))
    func poolLimit() async {
        await #expect(processExitsWith: .success) {
            set("SWITCHYARD_STACKS", "mappings")
            onCarrier {
                unsafe sy_carrier_set_pool_limit(sy_carrier_current()!, 10)
                var stacks = (0..<50).map { _ in Stack { _ in } }
                for stack in stacks { stack.enter() }
                precondition(sy_stack_get_statistics().live == 50)
                stacks = []
                precondition(sy_stack_get_statistics().live == 0)
                precondition(sy_stack_get_statistics().mappings == 10)
            }
            precondition(sy_stack_get_statistics().mappings == 0)
        }
    }

    @Test(
        "H18: unwinders of both kinds end at a stack's entry, running or suspended",
        .enabled(if: hasStacks, needsStacks)
    )
    func backtraces() {
        onCarrier {
            let beyond = unsafe UInt(bitPattern: dlsym(nil, "malloc")) + 4
            @inline(never) func descend(_ depth: Int, _ stack: Stack) -> Int {
                if depth > 0 { return descend(depth - 1, stack) + 1 }
                if let frames = framesByUnwinding() {
                    #expect((6..<60).contains(frames.count))
                    #expect(!frames.contains(beyond))
                }
                stack.park()
                return 0
            }
            let stack = Stack { _ = descend(10, $0) }
            // The first word above the stack, where a return address of the entry would stand.
            unsafe stack.pointer.pointee.owner = UnsafeMutableRawPointer(bitPattern: beyond)
            stack.enter()
            var addresses = unsafe [UnsafeMutableRawPointer?](repeating: nil, count: 200)
            let count = unsafe addresses.withUnsafeMutableBufferPointer {
                unsafe sy_context_backtrace(stack.pointer, $0.baseAddress!, 200)
            }
            #expect(count > 3 && count < 60)
            stack.enter()
            #expect(stack.isFinished)
        }
    }

    @Test("H11: carriers on several threads make, run and end stacks at once") func threads() async {
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    onCarrier {
                        for _ in 0..<20 {
                            let stacks = (0..<20).map { number in
                                Stack { stack in
                                    stack.park(); _ = dive(number)
                                }
                            }
                            for stack in stacks { stack.enter() }
                            for stack in stacks { stack.enter() }
                            let finished = stacks.allSatisfy(\.isFinished)
                            #expect(finished)
                        }
                    }
                }
            }
        }
    }

    @Test("H19: the same holds when every stack is a thread") func threadEngine() async {
        await #expect(processExitsWith: .success) {
            set("SWITCHYARD_ENGINE", "threads")
            // Threads, too, are told their task through the words.
            set("SWITCHYARD_RUNTIME_STATE", "")
            onCarrier {
                precondition(sy_engine_get() == SY_ENGINE_THREADS)
                precondition(PlainStacks.noTask().isEmpty)
                precondition(PlainStacks.accesses().isEmpty)
                precondition(PlainStacks.taskLocals().isEmpty)
                for shape in PortalStress.Shape.allCases {
                    for seed in 0..<UInt64(5) {
                        let findings = PortalStress.run(shape, seed: seed)
                        precondition(findings.wrong.isEmpty, "\(findings.wrong)")
                    }
                }
            }
        }
    }

    @Test("H19: a thread that backs a stack uses its carrier's thread-local block") func adoption() async {
        await #expect(processExitsWith: .success) {
            set("SWITCHYARD_ENGINE", "threads")
            unsafe sy_set_thread_adopt_hook(
                { unsafe UnsafeMutableRawPointer(bitPattern: 77) },
                { block in unsafe pthread_setspecific(adopted, block) }
            )
            onCarrier {
                var seen: UInt = 0
                Stack { _ in unsafe seen = UInt(bitPattern: pthread_getspecific(adopted)) }.enter()
                precondition(seen == 77)
            }
        }
    }
}

private let adopted: pthread_key_t = {
    var key = pthread_key_t()
    unsafe pthread_key_create(&key, nil)
    return key
}()
