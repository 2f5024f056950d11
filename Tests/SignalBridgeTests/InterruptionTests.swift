// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CSignals
import ConversionTesting
import Foundation
import Futures
import Greenlets
import Loops
import SignalBridge
import Testing

extension SignalBridgeTests {
    @Suite("Interrupted waits") struct InterruptionTests {
        @Test("K6: Ctrl-C ends a blocking wait, which is told the signal, and the process goes on")
        func mainThread() async {
            await #expect(processExitsWith: .exitCode(42)) {
                // The terminal's signal, from another thread, as soon as somebody waits for it.
                let sender = Task.detached {
                    _ = await eventually { disposition(of: .interrupt).handler > 1 }
                    try Signal.interrupt.raise()
                }
                // The main thread of a test process serves its main queue: a plain thread stands for it.
                let error = try await onThread { () -> Interrupted? in
                    let promise = Promise<Int>("the job")
                    defer { promise.succeed(1) }
                    return Result { try promise.future.wait(interruptedBy: .interrupt) }.error as? Interrupted
                }
                _ = await sender.result
                let isTold = error?.signal == .interrupt && "\(error!)".contains("the job")
                exit(isTold && disposition(of: .interrupt).handler == 0 ? 42 : 1)
            }
        }

        @Test(
            "SG11: a future goes on after an interrupted wait and keeps its value; a greenlet's wait is interrupted, too"
        )
        func keepsValue() async throws {
            let promise = Promise<Int>()
            let future = promise.future
            let waiting = Greenlet.spawn { try future.wait(interruptedBy: .user1, .user2) }
            #expect(await eventually { disposition(of: .user2).handler > 1 })
            try Signal.user2.raise()
            let error = await #expect(throws: Interrupted.self) { try await waiting.value }
            #expect(error?.signal == .user2 && error?.cancelling == false)
            #expect(!future.isCompleted && disposition(of: .user1).handler == 0)
            promise.succeed(1)
            #expect(try await future.value == 1)
        }

        @Test("SG11: an interrupted wait cancels the run of a call, and a value too late for that is disposed of")
        func cancelsRun() async throws {
            let started = Promise<Promise<Int>>()
            let disposed = Log<Int>()
            let cancelled = Log<Int>()
            let call = Call<Int>("the run") { promise in
                promise.onDispose { disposed.add($0) }
                promise.onCancel { cancelled.add(1) }
                started.succeed(promise)
            }
            async let outcome = onThread { Result { try call.wait(interruptedBy: .user1) } }
            let run = try await started.future.value
            try Signal.user1.raise()
            let result = try await outcome
            let error = #expect(throws: Interrupted.self) { try result.get() }
            #expect(error?.cancelling == true && "\(error!)".contains("the run") && cancelled.count == 1)
            run.tryComplete(.success(7))
            #expect(await eventually { disposed.all == [7] })
        }

        @Test("SG11: a run that does not stop is left all the same; its value is disposed of when it comes")
        func stubbornRun() async throws {
            let disposed = Log<Int>()
            let runs = Log<Promise<Int>>()
            let call = Call<Int> { promise in
                promise.onDispose { disposed.add($0) }
                promise.onCancel(answering: { .tooLate })
                runs.add(promise)
            }
            async let outcome = onThread { Result { try call.wait(interruptedBy: .user1) } }
            #expect(await eventually { runs.count == 1 })
            try Signal.user1.raise()
            let result = try await outcome
            #expect(throws: Interrupted.self) { try result.get() }
            // The last reference to the run goes with the completion.
            runs.all[0].tryComplete(.success(7))
            #expect(disposed.all.isEmpty || disposed.all == [7])
        }

        @Test("SG11: the outcome wins, a failure, a timeout and a kill are what they are without a signal")
        func otherEnds() async throws {
            let results = try await onThread { () -> [Bool] in
                let value = try Future.succeeded(1).wait(interruptedBy: .user1) == 1
                let call = try Call<Int> { $0.succeed(2) }.wait(interruptedBy: .user1) == 2
                let failed = Result { try Future<Int>.failed(HandlerFailed()).wait(interruptedBy: .user1) }
                let promise = Promise<Int>("late")
                let late = Result { try promise.future.wait(interruptedBy: .user1, timeout: .milliseconds(1)) }
                promise.succeed(3)
                return [
                    value, call, failed.error is HandlerFailed,
                    (late.error as? TimedOut)?.operation.contains("late") == true,
                ]
            }
            #expect(results == [true, true, true, true])
            let promise = Promise<Int>()
            let greenlet = Greenlet.spawn { try promise.future.wait(interruptedBy: .user1) }
            #expect(await eventually { disposition(of: .user1).handler > 1 })
            greenlet.kill()
            await #expect(throws: CancellationError.self) { try await greenlet.value }
            #expect(promise.future.failure is CancellationError)
            #expect(disposition(of: .user1).handler == 0)
        }

        @Test("SG11: a wait is refused where every wait is, and where a signal cannot be had; then nothing is started")
        func refused() async throws {
            let starts = Log<Int>()
            let call = Call<Int> {
                starts.add(1)
                $0.succeed(1)
            }
            #expect(throws: WouldDeadlock.self) { try waitHere(call) }
            let results = try await onThread { [Result { try call.wait(interruptedBy: .kill) }] }
            #expect(results[0].error is SignalUnavailable)
            #expect(starts.count == 0)
            let inLoop = try await onThread { () -> Bool in
                let loop = try IOLoop()
                let refused = Promise<Bool>()
                loop.post {
                    let promise = Promise<Int>()
                    let result = Result { try promise.future.wait(interruptedBy: .user1) }
                    // The source is as it was.
                    refused.succeed(result.error is WouldDeadlock && !promise.future.isCompleted)
                    promise.succeed(1)
                }
                return try loop.run(until: refused.future)
            }
            #expect(inLoop)
        }

        @Test("SG11, B4: a wait that signals may end counts as blocked for the pool whose job it waits for")
        func poolThreads() async throws {
            let pool = WorkerPool(name: "interruptible", size: 2)
            // Both threads are taken, so that a further job finds none.
            let entered = Log<Int>()
            @Sendable func enter() -> Bool {
                entered.add(1)
                return blockUntil { entered.count == 2 }
            }
            let interruptible = pool.submit { () -> Int in
                guard enter() else { return 0 }
                let inner = pool.submit { 1 }
                while true {
                    // Refused while the other one looks.
                    do { return try inner.wait(interruptedBy: .user1) } catch is WouldDeadlock { continue }
                }
            }
            let other = pool.submit { () -> Bool in
                guard enter() else { return false }
                let inner = pool.submit { 1 }
                func isRefused() -> Bool {
                    do { try inner.wait(timeout: .zero) } catch { return error is WouldDeadlock }
                    return false
                }
                // And stays so.
                return blockUntil { (0..<10_000).allSatisfy { _ in isRefused() } }
            }
            #expect(try await other.value)
            #expect(try await interruptible.value == 1)
        }

        @Test("SG12: a signal that comes too late to interrupt does what it would have done without the wait")
        func passedOn() async {
            await #expect(processExitsWith: .signal(SIGTERM)) {
                _ = try await onThread {
                    let call = Call<Int> { done in
                        raiseHere(.terminate)
                        done.succeed(1)
                    }
                    let value = try call.wait(interruptedBy: .terminate)
                    // The registry's thread may still be about to find that nobody is there.
                    return blockUntil { value != 1 }
                }
                exit(1)
            }
            // Somebody else has heard of it: nothing is sent again.
            let log = Log<SignalDelivery>()
            let handler = try? Signal.user1.handle { log.add($0) }
            let value = try? await onThread {
                try Call<Int> { done in
                    raiseHere(.user1)
                    done.succeed(1)
                }.wait(interruptedBy: .user1)
            }
            #expect(await eventually { log.sum == 1 })
            #expect(value == 1 && log.sum == 1)
            handler?.cancel()
        }
    }
}

/// In a task, under a synchronous function.
private func waitHere(_ call: Call<Int>) throws -> Int { try call.wait(interruptedBy: .user1) }

extension Result {
    fileprivate var error: Failure? { if case .failure(let error) = self { error } else { nil } }
}
