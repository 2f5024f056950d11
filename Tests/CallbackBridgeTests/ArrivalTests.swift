// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CallbackBridge
import ConversionTesting
import Futures
import Testing

@Suite struct ArrivalTests {
    @Test(
        "CB10: a call inside the initiating call arrives on the executor, after the verb",
        arguments: IncomingCase.all
    )
    func synchronousCall(shape: IncomingCase) {
        let (executor, seen) = (ManualExecutor(), Recorder<String>())
        shape.calling(.value, on: executor).callback { seen.record((try? $0.get()) ?? "error") }
        #expect(seen.items.isEmpty)
        executor.runAll()
        #expect(seen.items == ["page"])
    }

    @Test("CB10: a call on a foreign thread hops to the executor", arguments: IncomingCase.all)
    func foreignThread(shape: IncomingCase) async throws {
        let (executor, seen) = (ManualExecutor(), Recorder<String>())
        let kept = Recorder<@Sendable (LegacyCall) -> Void>()
        shape.prepare(on: executor) { kept.record($0) }.callback { seen.record((try? $0.get()) ?? "error") }
        try await onThread { kept.items[0](.value) }
        #expect(seen.items.isEmpty)
        executor.runAll()
        #expect(seen.items == ["page"])
    }

    @Test("CB10: an observer cannot tell a call inside the initiating call from a later one")
    func sameOrder() throws {
        var orders: [[String]] = []
        for isSynchronous in [true, false] {
            let (loop, order) = (VirtualLoop(), OrderRecorder())
            let call = Call<String>(callback: .valueOrError, on: loop) { callback in
                if isSynchronous { callback("page", nil) } else { loop.post { callback("page", nil) } }
            }
            loop.post {
                call.callback { _ in order.record(loop.isCurrent ? "observer" : "elsewhere") }
                order.record("verb returned")
            }
            try loop.runUntilIdle()
            orders.append(order.entries)
        }
        #expect(orders == [["verb returned", "observer"], ["verb returned", "observer"]])
    }

    @Test(
        "CB13: a callback that is never called fails by the limit, and its late call is swallowed",
        arguments: IncomingCase.all
    )
    func neverCalled(shape: IncomingCase) async throws {
        let reports = ReportCollector(containing: "second time at \(shape.mark(test: 3));")
        let (loop, kept) = (VirtualLoop(), Recorder<@Sendable (LegacyCall) -> Void>())
        let future = shape.prepare(test: 3) { kept.record($0) }.timeout(.seconds(10), on: loop).future()
        try loop.advance(by: .seconds(9))
        #expect(!future.isCompleted)
        try loop.advance(by: .seconds(1))
        await #expect(throws: TimedOut.self) { try await future.value }
        kept.items[0](.value)
        #expect(await reports.settledReports().isEmpty)
    }

    @Test("CB10: an executor that has stopped is the outcome")
    func stopped() async throws {
        let loop = VirtualLoop()
        loop.stop()
        let call = Call<String>(callback: .valueOrError, on: loop) { $0("page", nil) }
        await #expect(throws: LoopClosed.self) { try await call.value }
    }

    @Test("CB10: a cancellation on the way from the executor reaches the legacy operation")
    func cancellation() {
        let (stopped, kept) = (Recorder<String>(), Recorder<Promise<String>>())
        let future = Call<String>(on: ManualExecutor()) { done in
            kept.record(done)
            done.onCancel { stopped.record("stopped") }
        }.future()
        #expect(future.cancel() == .stopped)
        #expect(stopped.items == ["stopped"])
    }

    private func inlineOrder(
        on loop: VirtualLoop,
        from start: (@escaping @Sendable () -> Void) throws -> Void
    ) throws
        -> [String]
    {
        let order = OrderRecorder()
        let call = Call<String>(callback: .valueOrError, on: loop, synchronous: .inline) { $0("page", nil) }
        try start {
            call.callback { _ in order.record(loop.isCurrent ? "observer" : "elsewhere") }
            order.record("verb returned")
        }
        try loop.runUntilIdle()
        return order.entries
    }

    @Test("CB11: opted out, a call inside the initiating call on the loop itself counts at once")
    func inlineOnLoop() throws {
        let loop = VirtualLoop()
        #expect(try inlineOrder(on: loop) { loop.post($0) } == ["observer", "verb returned"])
    }

    @Test("CB11: opted out, a call that is made elsewhere still hops to the loop")
    func inlineElsewhere() throws {
        #expect(try inlineOrder(on: VirtualLoop()) { $0() } == ["verb returned", "observer"])
    }
}
