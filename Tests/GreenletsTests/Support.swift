// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
import CStackSwitch
import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

struct Oops: Error, Equatable {
    var number = 0
}

/// Switches to a fiber; the macros of Swift Testing cannot read a call of a method named `switch`.
@discardableResult
func send<Message>(_ message: Message, to fiber: Fiber<Message>) throws -> Message { try fiber.switch(message) }

/// Lets a thing be used where the compiler cannot see that it is safe.
// SAFETY: each test says why.
struct Unchecked<Value>: @unchecked Sendable {
    var value: Value
    init(_ value: Value) { self.value = value }
}

/// A number that several threads count up.
final class Counter: Sendable {
    private let number = Lock(0)
    func add(_ amount: Int = 1) { number.withLock { $0 += amount } }
    var value: Int { number.withLock { $0 } }
}

/// What several threads write down.
final class Log<Entry: Sendable>: Sendable {
    private let list = Lock<[Entry]>([])
    func add(_ entry: Entry) { list.withLock { $0.append(entry) } }
    var entries: [Entry] { list.withLock { $0 } }
}

/// Something whose end can be seen.
final class Sentinel: Sendable {
    private let ended: Counter
    init(_ ended: Counter) { self.ended = ended }
    deinit { ended.add() }
    func use() {}
}

/// The calling thread.
///
/// The thread-backed engine makes the threads of one carrier share these words, so they name what stands for a thread.
var threadIdentity: UInt { unsafe UInt(bitPattern: sy_thread_current()) }

/// Whether greenlets have stacks here, not threads.
var hasStacks: Bool { sy_engine_get() == SY_ENGINE_ASSEMBLY }
let needsStacks: Comment = "with the thread-backed engine there are no stacks of ours"

/// Whether a thread says what it does when it is asked.
var answersSamples: Bool { !Environment.putsSignalsOff }

/// Whether a task-local bound outside a task may stay bound across a switch: not where the runtime's word is missing.
var keepsTaskLocals: Bool { !hasStacks || sy_runtime_get_capabilities() & SY_RUNTIME_LOCALS.rawValue != 0 }

/// Whether the runtime's word for the current task was found.
var knowsTasks: Bool { sy_runtime_get_capabilities() & SY_RUNTIME_TASK.rawValue != 0 }

/// Divides the sizes of stress tests.
func stress(_ size: Int) -> Int {
    max(1, size / (Environment.integer("SWITCHYARD_STRESS_DIVISOR") ?? 1))
}

/// Runs greenlets on a virtual loop, on a plain thread, until nothing is left to do at this instant.
func onVirtualLoop(
    _ name: String = "virtual",
    _ body: @escaping @Sendable (VirtualLoop) throws -> Void
) async throws {
    try await onThread {
        let loop = VirtualLoop(name: name)
        try body(loop)
        loop.stop()
    }
}

/// Runs a test on a loop with a thread of its own, and stops it.
func onLoop(
    _ name: String = "test loop",
    _ body: @Sendable (IOLoop) async throws -> Void
) async throws {
    let loop = try IOLoop.onOwnThread(name: name)
    do { try await body(loop) } catch {
        loop.stop()
        throw error
    }
    loop.stop()
    _ = try? await loop.stopped.value
}

/// The text of an error.
func text(of body: () throws -> Void) -> String {
    do { try body() } catch { return "\(error)" }
    return "nothing was thrown"
}

/// Where a wait was refused; nil if it was not.
func refusal(_ body: () throws -> Void) -> WouldDeadlock.Place? {
    do { try body() } catch { return (error as? WouldDeadlock)?.place }
    return nil
}

/// Nobody completes it; it has an observer, so that nobody who leaves it is the last and cancels it.
let forever: Promise<Int> = {
    let promise = Promise<Int>()
    _ = promise.future.observe { _ in }
    return promise
}()

func allDead(_ greenlets: [some AnyGreenlet]) -> Bool { greenlets.allSatisfy { $0.isDead } }
