// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Foundation
import Futures
import Greenlets
import Loops
import QueueBridge
import SignalBridge
import Testing

extension SignalBridgeTests {
    @Suite("Deliveries") struct DeliveryTests {
        @Test("E8, SG2: 70,000 raises while the registry's thread is held are 70,000 deliveries")
        func many() async throws {
            let log = Log<SignalDelivery>()
            let counter = try Signal.user1.handle { log.add($0) }
            defer { counter.cancel() }
            let hold = try await Hold(with: .user2)
            try await onThread { raiseHere(.user1, times: 70_000) }
            #expect(log.sum == 0)
            hold.end()
            #expect(await eventually { log.sum >= 70_000 })
            #expect(log.all.map(\.count) == [70_000])
        }

        @Test("SG1: several handlers are called in the order in which they came, whoever leaves")
        func order() async throws {
            let log = Log<String>()
            let handlers = try ["a", "b", "c", "d"].map { name in try Signal.user1.handle { _ in log.add(name) } }
            defer { for handler in handlers { handler.cancel() } }
            try Signal.user1.raise()
            #expect(await eventually { log.count == 4 })
            #expect(log.all == ["a", "b", "c", "d"])
            handlers[1].cancel()
            try Signal.user1.raise()
            #expect(await eventually { log.count == 7 })
            #expect(log.all.suffix(3) == ["a", "c", "d"])
        }

        @Test(
            "SG1: a handler that leaves in another one is not called; one that comes is called from the next delivery on"
        )
        func changesInside() async throws {
            let log = Log<String>()
            let (victim, newcomer) = (SubscriptionPlace(), SubscriptionPlace())
            let first = try Signal.user1.handle { _ in
                log.add("first")
                if log.count > 1 { return }
                victim.cancel()
                newcomer.fill(try Signal.user1.handle { _ in log.add("newcomer") })
            }
            victim.fill(try Signal.user1.handle { _ in log.add("victim") })
            defer { first.cancel() }
            let last = try Signal.user1.handle { _ in log.add("last") }
            defer { last.cancel() }
            try Signal.user1.raise()
            #expect(await eventually { log.all == ["first", "last"] })
            try Signal.user1.raise()
            #expect(await eventually { log.count == 5 })
            #expect(log.all == ["first", "last", "first", "last", "newcomer"])
            newcomer.cancel()
        }

        @Test("SG1: a handler may remove itself, and the signal is given back then")
        func removesItself() async throws {
            let before = disposition(of: .windowChange)
            let place = SubscriptionPlace()
            let log = Log<SignalDelivery>()
            place.fill(
                try Signal.windowChange.handle { delivery in
                    log.add(delivery)
                    place.cancel()
                }
            )
            try Signal.windowChange.raise()
            #expect(await eventually { log.count == 1 && disposition(of: .windowChange) == before })
        }

        @Test("E7: handlers on several loops, threads and in several styles all hear of each delivery; none is stolen")
        func noThief() async throws {
            let loops = try (1...2).map { try IOLoop.onOwnThread(name: "listener \($0)") }
            defer { for loop in loops { loop.stop() } }
            let logs = (0..<3).map { _ in Log<SignalDelivery>() }
            let handlers = try zip(logs, [nil, loops[0], loops[1]]).map { log, loop in
                try Signal.user2.handle(on: loop) { log.add($0) }
            }
            let queue = Queue<SignalDelivery>()
            let delivery = Signal.user2.deliver(to: queue)
            defer { for handler in handlers + [delivery] { handler.cancel() } }
            for round in 1...10 {
                try Signal.user2.raise()
                #expect(await eventually { logs.allSatisfy { $0.sum == round } && queue.count == round })
            }
        }

        @Test(
            "T19: a signal reaches its handlers on the loop they named, through the registry, and while the loop sleeps"
        )
        func onLoop() async throws {
            let isThere = try await onThread { () throws -> Bool in
                let loop = try IOLoop(name: "handled here")
                let arrival = Promise<Bool>()
                let handler = try Signal.user1.handle(on: loop) { _ in arrival.tryComplete(.success(loop.isCurrent)) }
                defer { handler.cancel() }
                loop.post { try? Signal.user1.raise() }
                return try loop.run(until: arrival.future.timeout(.seconds(60)))
            }
            #expect(isThere)
        }

        @Test(
            "SG3: the next delivery is an awaitable in every style, installed when a verb is used and gone afterwards"
        )
        func once() async throws {
            let before = disposition(of: .hangup)
            let next = Signal.hangup.next()
            #expect(disposition(of: .hangup) == before)
            let futures = [next.future(), next.future()]
            #expect(disposition(of: .hangup) != before)
            try Signal.hangup.raise()
            for future in futures { #expect(try await future.value == SignalDelivery(.hangup)) }
            #expect(await eventually { disposition(of: .hangup) == before })
            // Nobody knows when the others have come: the signal is sent until all have it.
            let witness = Log<SignalDelivery>()
            let guardian = try Signal.hangup.handle { witness.add($0) }
            let raising = Task {
                var count = 0
                while !Task.isCancelled {
                    raiseHere(.hangup)
                    count += 1
                    await Task.yield()
                }
                return count
            }
            let called = Promise<SignalDelivery>()
            next.callback { called.complete(with: $0) }
            let greenlet = Greenlet.spawn { try next.wait(timeout: .seconds(60)) }
            let thread = try await onThread { try next.wait(timeout: .seconds(60)) }
            let all = [try await next.value, try await greenlet.value, try await called.future.value, thread]
            #expect(all.allSatisfy { $0.signal == .hangup })
            raising.cancel()
            // What nobody has heard of would be sent again, and end the process.
            let count = await raising.value
            #expect(await eventually { witness.sum == count })
            guardian.cancel()
        }

        @Test("SG4: what comes while a handler has asked for nothing is added up for it, signal by signal")
        func addedUp() async throws {
            let source = Signals.source(.user1, .user2, .user1)
            #expect(source.signals == [.user1, .user2])
            let log = Log<SignalDelivery>()
            let subscription = source.subscribe(demand: .none) {
                if case .next(let delivery) = $0 { log.add(delivery) }
            }
            let witness = Log<SignalDelivery>()
            let other = try source.handle { witness.add($0) }
            defer { other.cancel() }
            for (round, signal) in [Signal.user1, .user2, .user1, .user2, .user1].enumerated() {
                try signal.raise()
                #expect(await eventually { witness.sum == round + 1 })
            }
            #expect(log.all.isEmpty)
            subscription.request(1)
            #expect(log.all == [SignalDelivery(.user1, count: 3)])
            subscription.request(.unlimited)
            #expect(log.all == [SignalDelivery(.user1, count: 3), SignalDelivery(.user2, count: 2)])
            subscription.cancel()
        }

        @Test("SG4: a stream gives all that came, for await and blocking in a greenlet; who drops it leaves the signal")
        func streams() async throws {
            let before = disposition(of: .user1)
            do {
                let stream = Signal.user1.stream()
                try await onThread { raiseHere(.user1, times: 5) }
                let sum = try await Greenlet.spawn { () throws -> Int in
                    var sum = 0
                    while sum < 5, let delivery = try stream.waitNext(timeout: .seconds(60)) { sum += delivery.count }
                    return sum
                }.value
                #expect(sum == 5)
                try await onThread { raiseHere(.user1, times: 3) }
                var more = 0
                for try await delivery in stream {
                    more += delivery.count
                    if more == 3 { break }
                }
                #expect(more == 3 && disposition(of: .user1) != before)
            }
            #expect(await eventually { disposition(of: .user1) == before })
        }

        @Test("SG5: an observer that throws is reported, is called again, and disturbs no other")
        func throwing() async throws {
            let collector = ReportCollector(containing: "HandlerFailed")
            let log = Log<Int>()
            let bad = try Signal.user2.handle { _ in throw HandlerFailed() }
            let good = try Signal.user2.handle { _ in log.add(1) }
            defer { for handler in [bad, good] { handler.cancel() } }
            for round in 1...2 {
                try Signal.user2.raise()
                #expect(await eventually { log.count == round })
            }
            #expect(await collector.settledReports().count == 2)
        }

        @Test("SG6: leaving twice, and after the end, is harmless and says that it is too late")
        func lateLeaving() async throws {
            let handler = try Signal.user1.handle { _ in }
            #expect(handler.cancel() == .stopped)
            #expect(handler.cancel() == .tooLate)
            let next = Signal.user1.next().future()
            try Signal.user1.raise()
            _ = try await next.value
            #expect(next.cancel() == .tooLate)
            let left = Signal.user1.next().future()
            #expect(left.cancel() == .stopped)
            #expect(left.failure is CancellationError && disposition(of: .user1).handler == 0)
            #expect(Signal.kill.subscribe(demand: 1) { _ in }.cancel() == .tooLate)
        }

        @Test(
            "V30, SG7: each delivery has a fresh greenlet, which may wait; the handler stays, and ends with its subscription"
        )
        func greenlets() async throws {
            let loop = try IOLoop.onOwnThread(name: "spawner")
            defer { loop.stop() }
            let gate = Promise<Void>()
            let log = Log<String>()
            let handler = Signal.user1.spawn(on: loop) { _ in
                log.add(loop.isCurrent ? "begin" : "elsewhere")
                try gate.future.wait()
                log.add("end")
            }
            // The handler alone keeps no hub busy.
            try await Hub.whenIdle(of: loop).value
            for round in 1...2 {
                try Signal.user1.raise()
                #expect(await eventually { log.count == round })
            }
            #expect(log.all == ["begin", "begin"])
            gate.succeed(())
            #expect(await eventually { log.count == 4 })
            handler.cancel()
            #expect(disposition(of: .user1).handler == 0)
        }

        @Test(
            "SG7: what a greenlet throws is reported; a stopped loop and a released one end the handler, which holds neither"
        )
        func greenletEnds() async throws {
            let collector = ReportCollector(containing: "HandlerFailed")
            do {
                let loop = try IOLoop.onOwnThread()
                let handler = Signal.user1.spawn(on: loop) { _ in throw HandlerFailed() }
                try Signal.user1.raise()
                #expect(await eventually { collector.reports.count == 1 })
                loop.stop()
                #expect(await eventually { disposition(of: .user1).handler == 0 })
                #expect(handler.cancel() == .tooLate)
            }
            weak var released: IOLoop?
            let handler: Subscription
            do {
                let loop = try IOLoop()
                released = loop
                handler = Signal.user1.spawn(on: loop) { _ in }
            }
            #expect(await eventually { released == nil })
            // Who was first, this or the loop's end, takes the handler out.
            handler.cancel()
            #expect(await eventually { disposition(of: .user1).handler == 0 })
        }
    }
}
