// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Foundation
import Futures
import Greenlets
import QueueBridge
import SignalBridge
import Testing

extension SignalBridgeTests {
    @Suite("What a handler leaves behind") struct LeavingTests {
        @Test("SG12: what waits for a handler's executor when that leaves has told nobody: it is sent again")
        func onItsWay() async {
            await #expect(processExitsWith: .signal(SIGTERM)) {
                let loop = VirtualLoop()
                let handler = try Signal.terminate.handle(on: loop) { _ in }
                try Signal.terminate.raise()
                guard await eventually({ loop.pendingWork > 0 }) else { exit(2) }
                handler.cancel()
                _ = try await onThread { blockUntil { loop.isCurrent } }
                exit(1)
            }
        }

        @Test("SG12: so it is if the executor stops, before the delivery came or while that waits")
        func stoppedExecutor() async {
            await #expect(processExitsWith: .signal(SIGTERM)) {
                let loop = VirtualLoop()
                let handler = try Signal.terminate.handle(on: loop) { _ in }
                loop.stop()
                try Signal.terminate.raise()
                _ = try await onThread { blockUntil { loop.isCurrent } }
                _ = handler
                exit(1)
            }
            await #expect(processExitsWith: .signal(SIGTERM)) {
                let executor = Forgetful()
                let handler = try Signal.terminate.handle(on: executor) { _ in }
                try Signal.terminate.raise()
                guard await eventually({ executor.count == 1 }) else { exit(2) }
                executor.forget()
                _ = try await onThread { blockUntil { executor.count == 1 } }
                _ = handler
                exit(1)
            }
        }

        @Test("SG12: so it is if a stream is dropped that had asked for it, and a subscription that had not")
        func neverAsked() async {
            await #expect(processExitsWith: .signal(SIGTERM)) {
                do {
                    let stream = Signal.terminate.stream()
                    stream.next().future().cancel()
                    try Signal.terminate.raise()
                    guard try await hasArrived() else { exit(2) }
                    _ = stream
                }
                _ = try await onThread { blockUntil { Signal.windowChange.handlerCount > 0 } }
                exit(1)
            }
            await #expect(processExitsWith: .signal(SIGTERM)) {
                let subscription = Signal.terminate.subscribe(demand: .none) { _ in }
                try Signal.terminate.raise()
                guard try await hasArrived() else { exit(2) }
                subscription.cancel()
                _ = try await onThread { blockUntil { Signal.terminate.handlerCount > 0 } }
                exit(1)
            }
        }

        @Test(
            "SG12: of two signals that came, the one that has interrupted a wait is told, the other one is sent again"
        )
        func twoSignals() async {
            await #expect(processExitsWith: .signal(SIGTERM)) {
                let told = try await onThread { () throws -> Signal? in
                    let promises = Log<Promise<Int>>()
                    let call = Call<Int> { done in
                        promises.add(done)
                        raiseHere(.user1)
                        done.onCancel { raiseHere(.terminate) }
                    }
                    do { try call.wait(interruptedBy: .user1, .terminate) } catch let stop as Interrupted {
                        return stop.signal
                    }
                    return nil
                }
                guard told == .user1 else { exit(2) }
                _ = try await onThread { blockUntil { told != .user1 } }
                exit(1)
            }
        }

        @Test("SG12: what one handler was told is not sent again for another, whichever of the two leaves first")
        func toldToOne() async {
            await #expect(processExitsWith: .exitCode(7)) {
                for isFirst in [true, false] {
                    let (loop, log) = (VirtualLoop(), Log<SignalDelivery>())
                    let busy = try Signal.terminate.handle(on: loop) { _ in }
                    let ready = try Signal.terminate.handle { log.add($0) }
                    try Signal.terminate.raise()
                    guard await eventually({ log.sum == 1 && loop.pendingWork > 0 }) else { exit(2) }
                    for handler in isFirst ? [busy, ready] : [ready, busy] { handler.cancel() }
                }
                exit(7)
            }
        }

        @Test("SG12: what waits for two handlers is told to the one that stays once, whichever of them leaves")
        func toldOnce() async throws {
            for isFirst in [true, false] {
                let (loop, log) = (VirtualLoop(), Log<SignalDelivery>())
                let handlers = try (0..<2).map { _ in try Signal.user2.handle(on: loop) { log.add($0) } }
                try Signal.user2.raise()
                #expect(await eventually { loop.pendingWork == 2 })
                handlers[isFirst ? 0 : 1].cancel()
                // What is sent again would come before.
                #expect(try await hasArrived())
                try loop.runUntilIdle()
                #expect(log.sum == 1)
                for handler in handlers { handler.cancel() }
            }
        }

        @Test("SG12, QB3: a signal that is delivered to a closed queue is sent again")
        func closedQueue() async {
            await #expect(processExitsWith: .signal(SIGTERM)) {
                let queue = Queue<SignalDelivery>()
                let delivery = Signal.terminate.deliver(to: queue)
                queue.close()
                try Signal.terminate.raise()
                _ = try await onThread { blockUntil { !queue.isClosed } }
                _ = delivery
                exit(1)
            }
        }

        @Test("SG12: of what was added up only that counts as told which came before somebody was told")
        func addedUp() async {
            await #expect(processExitsWith: .signal(SIGTERM)) {
                let silent = Signal.terminate.subscribe(demand: .none) { _ in }
                let log = Log<SignalDelivery>()
                let told = try Signal.terminate.handle { log.add($0) }
                try Signal.terminate.raise()
                guard await eventually({ log.sum == 1 }) else { exit(2) }
                told.cancel()
                try Signal.terminate.raise()
                guard try await hasArrived() else { exit(2) }
                silent.cancel()
                _ = try await onThread { blockUntil { log.sum > 1 } }
                exit(1)
            }
        }

        @Test("SG12: a signal that has woken a wait whose outcome came first is sent again")
        func outcomeFirst() async {
            await #expect(processExitsWith: .signal(SIGTERM)) {
                try await onThread {
                    let (loop, witness, promise) = (VirtualLoop(), Log<SignalDelivery>(), Promise<Int>())
                    let future = promise.future
                    let greenlet = Greenlet.spawn(on: loop) { try future.wait(interruptedBy: .terminate) }
                    try loop.runUntilIdle()
                    let other = try Signal.windowChange.handle { witness.add($0) }
                    for signal in [Signal.terminate, .windowChange] { try signal.raise() }
                    guard blockUntil({ witness.sum == 1 }) else { exit(2) }
                    other.cancel()
                    promise.succeed(1)
                    try loop.runUntilIdle()
                    _ = blockUntil { !greenlet.isDead }
                }
                exit(1)
            }
        }

        @Test("SG2, SG12: what nobody was told is for those who came since with its count")
        func newcomerCount() async throws {
            let late = Log<SignalDelivery>()
            let silent = Signal.user2.subscribe(demand: .none) { _ in }
            for _ in 0..<2 {
                try Signal.user2.raise()
                #expect(try await hasArrived())
            }
            let newcomer = try Signal.user2.handle { late.add($0) }
            silent.cancel()
            #expect(await eventually { late.sum == 2 })
            newcomer.cancel()
        }

        @Test("SG12: what nobody was told is for those who came since")
        func newcomer() async throws {
            let (loop, log, late) = (VirtualLoop(), Log<SignalDelivery>(), Log<SignalDelivery>())
            let busy = try Signal.user2.handle(on: loop) { log.add($0) }
            try Signal.user2.raise()
            #expect(await eventually { loop.pendingWork > 0 })
            let newcomer = try Signal.user2.handle { late.add($0) }
            busy.cancel()
            #expect(await eventually { late.sum == 1 })
            newcomer.cancel()
            try loop.runUntilIdle()
            #expect(log.all.isEmpty && late.sum == 1)
        }
    }
}

/// Waits until the handlers have what was sent so far: a signal that is sent after it, of a greater number, is told later.
/// Who leaves before that loses it under ThreadSanitizer, which puts signals off.
private func hasArrived() async throws -> Bool {
    let witness = Log<SignalDelivery>()
    let handler = try Signal.windowChange.handle { witness.add($0) }
    defer { handler.cancel() }
    try Signal.windowChange.raise()
    return await eventually { witness.sum == 1 }
}

/// Accepts what it is given, and never runs it.
private final class Forgetful: CallbackExecutor {
    private let work = Futures.Lock<[@Sendable () -> Void]>([])
    var count: Int { work.withLock { $0.count } }

    func post(_ body: @escaping @Sendable () -> Void) { _ = tryPost(body) }

    func tryPost(_ body: @escaping @Sendable () -> Void) -> Bool {
        work.withLock { $0.append(body) }
        return true
    }

    func forget() {
        let all = work.withLock { work in
            defer { work = [] }
            return work
        }
        _ = consume all
    }
}
