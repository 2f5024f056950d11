// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import Greenlets
import Loops
import QueueBridge
import Synchronization

/// A task of an actor that lives on a loop.
enum AwaitSink: Sink {
    static let name = "await"

    static func attach(_ subject: some Awaitable<Int>, _ probe: Probe) -> Attachment {
        let actor = LoopActor(probe.bench.loop)
        let task = Task { await actor.receive(subject, probe) }
        return Attachment(isWaiting: { actor.hasBegun }) { task.cancel() }
    }
}

/// Blocking code in a greenlet.
enum GreenletSink: Sink {
    static let name = "greenlet"

    static func attach(_ subject: some Awaitable<Int>, _ probe: Probe) -> Attachment {
        let hasBegun = Flag()
        let context = probe.bench.context
        let greenlet = Greenlet.spawn(on: probe.bench.loop) {
            hasBegun.set()
            context { probe.receive(Result { try subject.wait() }) }
        }
        return Attachment(told: "GreenletExit", isWaiting: { hasBegun.isSet }) { greenlet.kill() }
    }
}

/// Blocking code inside a task.
enum PortalSink: Sink {
    static let name = "portal"

    static func attach(_ subject: some Awaitable<Int>, _ probe: Probe) -> Attachment {
        let hasBegun = Flag()
        let task = Task {
            try await Greenlet.run(on: probe.bench.loop) {
                hasBegun.set()
                probe.receive(Result { try subject.wait() })
            }
        }
        return Attachment(isWaiting: { hasBegun.isSet }) { task.cancel() }
    }
}

/// Blocking code on a plain thread.
enum ThreadSink: Sink {
    static let name = "thread"

    static func attach(_ subject: some Awaitable<Int>, _ probe: Probe) -> Attachment {
        // Nothing kills a thread: another one cancels the future that it waits for.
        let future = subject.future()
        let context = probe.bench.context
        probe.bench.startThread {
            let here = ExecutionIdentity.current
            context { probe.receive(Result { try future.wait() }) { ExecutionIdentity.current == here } }
        }
        return Attachment(isWaiting: { future.isCompleted || future._observers > 0 }) { future.cancel() }
    }
}

/// An actor on a loop, which has the loop's thread for its own.
actor LoopActor {
    private nonisolated let loop: IOLoop
    private nonisolated let flag = Flag()

    init(_ loop: IOLoop) { self.loop = loop }

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }
    nonisolated var hasBegun: Bool { flag.isSet }

    func receive(_ subject: some Awaitable<Int>, _ probe: Probe) async {
        flag.set()
        do { probe.receive(.success(try await subject.value)) } catch { probe.receive(.failure(error)) }
    }

    /// Takes until the queue is closed.
    func receiveAll(of queue: Queue<Result<Int, any Error>>, _ probe: Probe) async {
        while let outcome = try? await queue.get().value { probe.receive(outcome) }
    }
}

/// Set once, by whoever comes there.
final class Flag: Sendable {
    private let word = Atomic<Bool>(false)
    var isSet: Bool { word.load(ordering: .acquiring) }
    func set() { word.store(true, ordering: .releasing) }
}
