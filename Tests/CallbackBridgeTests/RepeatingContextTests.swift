// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Testing

@testable import CallbackBridge

private typealias Tick = @convention(c) (Int32, UnsafeMutableRawPointer?) -> Bool
private typealias Destructor = @convention(c) (UnsafeMutableRawPointer?) -> Void

/// A C library that calls back at every tick, and calls a destructor if it was given one.
// SAFETY: used by one test, on one thread at a time.
@safe
private final class Clock: @unchecked Sendable {
    private var callback: Tick
    private var context: UnsafeMutableRawPointer
    private var destructor: Destructor?

    init(_ callback: Tick, _ context: UnsafeMutableRawPointer, _ destructor: Destructor? = nil) {
        unsafe self.callback = callback
        unsafe self.context = context
        unsafe self.destructor = destructor
    }

    @discardableResult
    func tick(_ number: Int32) -> Bool { unsafe callback(number, context) }
    func close() { unsafe destructor?(context) }

    /// The context it was given has not ended.
    var hasContext: Bool { unsafe ContextRegistry.find(context) != nil }
}

private let tick: Tick = { number, context in
    unsafe RepeatingContext<Int>.call(context, with: Int(number), fileID: "mark/tick", line: 1)
}

private let destroy: Destructor = { context in unsafe RepeatingContext<Int>.destroy(context) }

// One suite, because it is serialized: the tests count reports, which name the C function alone.
extension CallbackContextTests {
    @Test("CB19: a repeating context is good for any number of calls, from any thread")
    func manyCalls() async throws {
        let ticks = Recorder<Int>()
        let context = RepeatingContext<Int>.untilRemoved { ticks.record($0) }
        let clock = unsafe Clock(tick, context.pointer)
        #expect(clock.tick(1))
        try await onThread { _ = clock.tick(2) }
        #expect(clock.tick(3))
        #expect(ticks.items == [1, 2, 3])
        #expect(context.remove())
    }

    @Test("CB19: the handler runs on the declared executor, in the order of the calls")
    func executor() {
        let (executor, ticks) = (ManualExecutor(), Recorder<Int>())
        let context = RepeatingContext<Int>.untilRemoved(on: executor) { ticks.record($0) }
        let clock = unsafe Clock(tick, context.pointer)
        for number in 1...3 { clock.tick(Int32(number)) }
        #expect(ticks.items.isEmpty)
        executor.runAll()
        #expect(ticks.items == [1, 2, 3])
        context.remove()
    }

    @Test("CB20: a call after the removal is absorbed and reported, and the handler is released")
    func afterRemoval() async {
        let reports = ReportCollector(containing: "mark/tick:1 was called with a context that had ended")
        let ticks = Recorder<Int>()
        weak var captured: Recorder<Int>?
        let context: RepeatingContext<Int>
        do {
            let object = Recorder<Int>()
            captured = object
            context = .untilRemoved { number in
                object.record(number)
                ticks.record(number)
            }
        }
        let clock = unsafe Clock(tick, context.pointer)
        clock.tick(1)
        #expect(captured != nil)
        #expect(context.remove())
        #expect(!context.remove())
        #expect(captured == nil)
        #expect(!clock.tick(2))
        #expect(ticks.items == [1])
        #expect(!clock.hasContext)
        #expect(await reports.settledReports().count == 1)
    }

    @Test("CB20: a removal takes back the calls that the executor has not come to")
    func removalRevokes() {
        let (executor, ticks) = (ManualExecutor(), Recorder<Int>())
        let context = RepeatingContext<Int>.untilRemoved(on: executor) { ticks.record($0) }
        let clock = unsafe Clock(tick, context.pointer)
        clock.tick(1)
        context.remove()
        executor.runAll()
        #expect(ticks.items.isEmpty)
    }

    @Test("CB20: a handler may remove its own context")
    func removalInside() {
        let kept = Recorder<RepeatingContext<Int>>()
        let context = RepeatingContext<Int>.untilRemoved { _ in kept.items[0].remove() }
        kept.record(context)
        let clock = unsafe Clock(tick, context.pointer)
        clock.tick(1)
        #expect(!context.remove())
    }

    @Test("CB21: a context that C owns ends with the destructor; calls before it are absorbed in silence once removed")
    func untilDestructor() async {
        let reports = ReportCollector(containing: "mark/tick:1 was called with a context that had ended")
        let ticks = Recorder<Int>()
        let context = RepeatingContext<Int>.untilDestroyed { ticks.record($0) }
        let clock = unsafe Clock(tick, context.pointer, destroy)
        clock.tick(1)
        #expect(context.remove())
        #expect(!clock.tick(2))
        #expect(clock.hasContext)
        #expect(await reports.settledReports().isEmpty)
        clock.close()
        #expect(!clock.hasContext)
        #expect(!clock.tick(3))
        #expect(ticks.items == [1])
        #expect(await reports.settledReports().count == 1)
    }

    @Test("CB21: what was called before the destructor still arrives")
    func destructorDelivers() {
        let (executor, ticks) = (ManualExecutor(), Recorder<Int>())
        let context = RepeatingContext<Int>.untilDestroyed(on: executor) { ticks.record($0) }
        let clock = unsafe Clock(tick, context.pointer, destroy)
        clock.tick(1)
        clock.close()
        executor.runAll()
        #expect(ticks.items == [1])
        #expect(!context.remove())
    }

    @Test("CB22: a context used as another type or kind is reported, and left alone if it repeats")
    func wrongKind() async throws {
        let reports = ReportCollector { "\($0)".contains("mark/kind") }
        let ticks = Recorder<Int>()
        let context = RepeatingContext<Int>.untilRemoved { ticks.record($0) }
        let pointer = unsafe context.pointer
        #expect(unsafe !RepeatingContext<String>.call(pointer, with: "1", fileID: "mark/kind", line: 1))
        #expect(unsafe !RepeatingContext<String>.destroy(pointer, fileID: "mark/kind", line: 2))
        #expect(unsafe CallbackContext<Int>.take(pointer, fileID: "mark/kind", line: 3) == nil)
        #expect(await reports.settledReports().count == 3)
        #expect(unsafe !CallbackContext<Int>.release(pointer))
        #expect(unsafe RepeatingContext<Int>.call(pointer, with: 1))
        #expect(ticks.items == [1])
        context.remove()
    }

    @Test("CB22: the context of a promise that is called as a repeating one fails the promise by name")
    func promiseCalledRepeatedly() async {
        let promise = Promise<Int>()
        let context = CallbackContext(for: promise)
        #expect(unsafe !RepeatingContext<Int>.call(context.pointer, with: 1))
        let error = await #expect(throws: InvalidCallback.self) { try await promise.future.value }
        #expect(error?.reason == .wrongContextType(expected: "CallbackContext<Int>", taken: "RepeatingContext<Int>"))
        #expect(!context.release())
    }

    @Test("CB23: a call that a stopped executor refuses is reported, and the C function is told")
    func refused() async {
        let reports = ReportCollector(containing: "mark/tick:1 was to be delivered on loop \"stopped clock\"")
        let loop = VirtualLoop(name: "stopped clock")
        let context = RepeatingContext<Int>.untilRemoved(on: loop) { _ in }
        loop.stop()
        #expect(unsafe !Clock(tick, context.pointer).tick(1))
        #expect(await reports.settledReports().count == 1)
        context.remove()
    }

    @Test("CB23: a call that its executor throws away is reported, unless the context was removed")
    func thrownAway() async {
        let reports = ReportCollector(containing: "a repeated call was to be delivered on loop \"ManualExecutor\"")
        let executor = ManualExecutor()
        let contexts = [
            RepeatingContext<Int>.untilRemoved(on: executor) { _ in }, .untilRemoved(on: executor) { _ in },
        ]
        for context in contexts { unsafe Clock(tick, context.pointer).tick(1) }
        contexts[0].remove()
        executor.dropAll()
        #expect(await reports.settledReports().count == 1)
        contexts[1].remove()
    }
}
