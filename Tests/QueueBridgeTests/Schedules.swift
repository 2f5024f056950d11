// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import QueueBridge

/// What producers and consumers use; the same runs on a queue and on a channel.
struct Pipe: Sendable {
    let put: @Sendable (Int) -> Call<Void>
    let get: @Sendable () -> Call<Int>
    let close: @Sendable () -> Void
    let rest: @Sendable () -> [Int]

    static func queue() -> Pipe {
        // Not `try!`: the capacity is valid.
        guard let queue = try? Queue<Int>(capacity: 1) else { fatalError("a queue of capacity 1") }
        return Pipe(
            put: { queue.put($0) },
            get: { queue.get() },
            close: { queue.close() },
            rest: {
                var rest: [Int] = []
                while let item = try? queue.tryGet() { rest.append(item) }
                return rest
            }
        )
    }

    static func channel() -> Pipe {
        let channel = Channel<Int>()
        return Pipe(
            put: { channel.send($0) },
            get: { channel.receive() },
            close: { channel.close() },
            rest: {
                var rest: [Int] = []
                while let item = try? channel.tryReceive() { rest.append(item) }
                return rest
            }
        )
    }
}

/// What is done to one of the actors, or to the pipe, between two steps.
enum Injection: CaseIterable { case kill, cancel, timeout, close }

/// One producer or consumer: a greenlet on a loop of its own, so that whoever drives decides when it goes on.
private final class Actor: @unchecked Sendable {  // SAFETY: used by the thread that drives the loops.
    let loop: VirtualLoop
    var greenlet: Greenlet<Void>?
    /// What it waits for now.
    var cancel: (() -> Void)?

    init(_ name: String) { loop = VirtualLoop(name: name) }

    func produce(_ producer: Int, _ items: Int, into pipe: Pipe, _ sent: Log<Int>) {
        greenlet = Greenlet.spawn(on: loop) {
            for item in 0..<items {
                let number = producer * 100 + item
                // Timed out or cancelled by itself, it goes on with the next item. A closed pipe is the end, and no failure to be
                // reported: a hundred thousand of them, kept by other tests' sink, slow down the whole run.
                do { try self.perform(pipe.put(number)) } catch is TimedOut { continue } catch is CancellationError {
                    continue
                } catch is QueueClosed { return }
                sent.add(number)
            }
        }
    }

    func consume(_ consumer: Int, from pipe: Pipe, _ received: Log<[Int]>) {
        greenlet = Greenlet.spawn(on: loop) {
            while true {
                do { received.add([consumer, try self.perform(pipe.get())]) } catch is TimedOut {
                } catch is CancellationError {
                } catch is QueueClosed { return }
            }
        }
    }

    /// An operation as an actor does it: with a time limit, and in a way that somebody else can cancel it.
    func perform<Value: Sendable>(_ call: Call<Value>) throws -> Value {
        let future = call.timeout(.seconds(1), on: loop).future()
        cancel = { _ = future.cancel() }
        defer { cancel = nil }
        return try future.wait()
    }
}

/// One run of two producers and two consumers, in an order that is given.
final class ScheduledRun {
    private static let items = 4

    private let pipe: Pipe
    private let actors: [Actor]
    private let sent = Log<Int>()
    private let received = Log<[Int]>()
    private var ready: [Int] = []

    init(_ pipe: Pipe) {
        self.pipe = pipe
        actors = ["p0", "p1", "c0", "c1"].map { Actor($0) }
        for n in 0..<2 {
            actors[n].produce(n, Self.items, into: pipe, sent)
            actors[n + 2].consume(n, from: pipe, received)
        }
    }

    /// Takes steps until nobody can go on.
    ///
    /// - Parameters:
    ///   - deviations: At which steps not the actor runs that has been ready longest, but another one, by its place.
    ///   - injection: What is done before a step, and to which actor.
    /// - Returns: How many actors were ready at each step.
    func run(deviations: [Int: Int], injection: (what: Injection, step: Int, target: Int)?) throws -> [Int] {
        var choices: [Int] = []
        // Without an end of its own a timeout would come again and again.
        while choices.count < 200 {
            if let injection, injection.step == choices.count { try inject(injection.what, actors[injection.target]) }
            for (index, actor) in actors.enumerated() where actor.loop.pendingWork > 0 && !ready.contains(index) {
                ready.append(index)
            }
            if ready.isEmpty { break }
            let place = min(deviations[choices.count] ?? 0, ready.count - 1)
            choices.append(ready.count)
            try actors[ready.remove(at: place)].loop.runUntilIdle()
        }
        return choices
    }

    private func inject(_ injection: Injection, _ actor: Actor) throws {
        switch injection {
        case .kill: actor.greenlet?.kill()
        case .cancel: actor.cancel?()
        case .timeout: try actor.loop.advance(by: .seconds(1))
        case .close: pipe.close()
        }
    }

    /// Closes the pipe, lets everybody end, and says what is wrong.
    func finish() throws -> String? {
        let rest = pipe.rest()
        _ = try run(deviations: [:], injection: nil)
        let late = pipe.rest()
        pipe.close()
        _ = try run(deviations: [:], injection: nil)
        defer { for actor in actors { actor.loop.stop() } }
        let taken = received.all.map { $0[1] } + rest + late
        if let stuck = actors.first(where: { $0.greenlet?.isDead != true }) {
            return "\(stuck.loop.name) has not ended"
        }
        if Set(taken).count != taken.count { return "something was given twice: \(taken.sorted())" }
        let lost = Set(sent.all).subtracting(taken)
        if !lost.isEmpty { return "lost: \(lost.sorted())" }
        for consumer in 0..<2 {
            for producer in 0..<2 {
                let line = received.all.filter { $0[0] == consumer && $0[1] / 100 == producer }.map { $0[1] }
                if line != line.sorted() { return "out of order at one consumer: \(line)" }
            }
        }
        return nil
    }
}
