// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops
import QueueBridge
import SignalBridge
import Testing

extension SignalBridgeTests {
    @Suite("Topics") struct TopicTests {
        @Test(
            "SG16: topics have several handlers, called in the order in which they came, each of its own topics alone"
        )
        func order() {
            let registry = Registry<String, Int>("numbers")
            let log = Log<String>()
            let both = registry.events(of: "a", "b", "a").subscribe { log.add("both \($0)") }
            let one = registry.events(of: "a").subscribe { log.add("one \($0)") }
            #expect(registry.post(1, to: "a") == 2)
            #expect(registry.post(2, to: "b") == 1)
            #expect(registry.post(3, to: "c") == 0)
            both.cancel()
            #expect(both.cancel() == .tooLate)
            registry.post(4, to: "a")
            #expect(log.all == ["both 1", "one 1", "both 2", "one 4"])
            #expect(registry.handlerCount(of: "a") == 1 && registry.handlerCount(of: "b") == 0)
            one.cancel()
        }

        @Test("SG16: a topic has the adapters of a signal: loop, stream, queue, next, greenlets")
        func adapters() async throws {
            let registry = Registry<String, Int>()
            let source = registry.events(of: "x")
            let loop = try IOLoop.onOwnThread(name: "topic")
            defer { loop.stop() }
            let (onLoop, inGreenlets) = (Log<Bool>(), Log<Int>())
            let stream = source.stream()
            let queue = Queue<Int>()
            let next = source.next().future()
            let subscriptions = [
                source.subscribe(on: loop) { _ in onLoop.add(loop.isCurrent) },
                source.deliver(to: queue),
                source.spawn(on: loop) { number in
                    try Future<Void>.sleep(for: .milliseconds(1)).wait()
                    inGreenlets.add(number)
                },
            ]
            #expect(registry.post(7, to: "x") == 5)
            let taken = try await [next.value, stream.next().value, queue.get().value]
            #expect(taken == [7, 7, 7])
            #expect(await eventually { onLoop.all == [true] && inGreenlets.all == [7] })
            stream.cancel()
            for subscription in subscriptions { subscription.cancel() }
            #expect(registry.handlerCount(of: "x") == 0)
        }

        @Test(
            "SG16: a handler that posts is not called inside itself; one that throws is reported, and the others go on"
        )
        func inside() async {
            let registry = Registry<String, Int>()
            let collector = ReportCollector(containing: "HandlerFailed")
            let log = Log<Int>()
            let bad = registry.events(of: "x").subscribe { _ in throw HandlerFailed() }
            let poster = registry.events(of: "x").subscribe { number in
                if number < 3 { registry.post(number + 1, to: "x") }
                log.add(number)
            }
            registry.post(1, to: "x")
            #expect(log.all == [1, 2, 3])
            #expect(await collector.settledReports().count == 3)
            bad.cancel()
            poster.cancel()
        }

        @Test("SG17: a topic that ends, a registry that is closed and one that is released tell their handlers, once")
        func ends() async throws {
            let log = Log<String>()
            var registry: Registry<String, Int>? = Registry("short-lived")
            func listen(_ topics: [String], _ name: String) {
                for topic in topics {
                    registry!.events(of: topic).subscribe({ log.add("\(name) \($0)") }) { error in
                        log.add("\(name) ends: \(error.map { "\(type(of: $0))" } ?? "well")")
                    }
                }
            }
            listen(["a"], "one")
            let both = registry!.events(of: "a", "b").subscribe { log.add("both \($0)") }
            registry!.end("a", HandlerFailed())
            #expect(log.all == ["one ends: HandlerFailed"])
            registry!.post(1, to: "b")
            #expect(log.all.last == "both 1")
            both.cancel()
            listen(["a"], "two")
            let next = registry!.events(of: "a").next().future()
            let stream = registry!.events(of: "a").stream()
            registry = nil
            #expect(await eventually { log.all.last == "two ends: RegistryClosed" })
            let error = await #expect(throws: RegistryClosed.self) { try await next.value }
            #expect("\(error!)".contains("short-lived"))
            await #expect(throws: RegistryClosed.self) { try await stream.next().value }
            let closed = Registry<String, Int>()
            registry = closed
            listen(["a"], "three")
            closed.close()
            closed.close()
            #expect(log.all.last == "three ends: well")
            listen(["a"], "four")
            #expect(log.all.last == "four ends: well" && closed.post(1, to: "a") == 0)
            await #expect(throws: SourceEnded.self) { try await closed.events(of: "a").next().value }
            #expect(throws: EmptyInput.self) { try endError(of: closed.events()) }
        }

        @Test(
            "SG18: what a handler has not asked for is kept up to the limit, the newest or the oldest; what is dropped is counted"
        )
        func backlog() {
            for (backlog, kept) in [
                (Backlog.newest(2), [4, 5]), (.oldest(2), [1, 2]), (.unbounded, [1, 2, 3, 4, 5]),
            ] {
                let registry = Registry<String, Int>(backlog: backlog)
                let log = Log<Int>()
                let slow = registry.events(of: "x").subscribe(demand: .none) {
                    if case .next(let n) = $0 { log.add(n) }
                }
                let fast = Log<Int>()
                let other = registry.events(of: "x").subscribe { fast.add($0) }
                for number in 1...5 { registry.post(number, to: "x") }
                #expect(log.all.isEmpty && fast.count == 5)
                slow.request(.unlimited)
                #expect(log.all == kept)
                #expect(registry.droppedCount == 5 - kept.count)
                slow.cancel()
                other.cancel()
                #expect(registry.droppedCount == 5 - kept.count)
            }
        }

        @Test(
            "SG16: a handler that posts in turn does not reverse the order for the others, nor take the last from them"
        )
        func postingInTurn() {
            let registry = Registry<String, Int>()
            let log = Log<String>()
            registry.events(of: "x").subscribe { n in
                log.add("first \(n)")
                if n < 2 { registry.post(n + 1, to: "x") } else { registry.close() }
            }
            registry.events(of: "x").subscribe({ log.add("second \($0)") }, onEnd: { _ in log.add("second ends") })
            registry.post(0, to: "x")
            #expect(log.all.filter { $0.hasPrefix("second") } == ["second 0", "second 1", "second 2", "second ends"])
            #expect(log.all.filter { $0.hasPrefix("first") } == ["first 0", "first 1", "first 2"])
        }

        @Test("SG18: the limit of a registry made without one is 1,024 elements for each handler, the newest")
        func standardBacklog() async throws {
            let registry = Registry<String, Int>()
            let stream = registry.events(of: "x").stream()
            for number in 1...3_000 { registry.post(number, to: "x") }
            #expect(registry.droppedCount == 1_976)
            #expect(try await stream.next().value == 1_977)
        }

        @Test(
            "SG19: any awaitable's outcome is posted to a topic: value, error and cancellation; leaving stops the source"
        )
        func outcomes() {
            let registry = Registry<String, Result<Int, any Error>>()
            let log = Log<String>()
            let handler = registry.events(of: "x").subscribe { outcome in
                switch outcome {
                case .success(let value): log.add("\(value)")
                case .failure(let error): log.add("\(type(of: error))")
                }
            }
            Future.succeeded(1).post(to: "x", in: registry)
            Future<Int>.failed(HandlerFailed()).post(to: "x", in: registry)
            let promise = Promise<Int>()
            promise.future.post(to: "x", in: registry)
            promise.future.cancel()
            #expect(log.all == ["1", "HandlerFailed", "CancellationError"])
            let left = Promise<Int>()
            #expect(left.future.post(to: "x", in: registry).cancel() == .stopped)
            #expect(left.future.failure is CancellationError)
            handler.cancel()
        }

        @Test(
            "SG19: an outcome to which nobody listens is reported; the elements of a source are not, and its end may end the topic"
        )
        func unheard() async throws {
            let collector = ReportCollector(containing: "nobody listened")
            let outcomes = Registry<String, Result<Int, any Error>>("unheard")
            Future.succeeded(1).post(to: "x", in: outcomes)
            #expect(await collector.settledReports().count == 1)
            let (from, to) = (Registry<String, Int>(), Registry<Int, Int>())
            from.events(of: "in").post(to: 1, in: to)
            from.post(1, to: "in")
            let ending = from.events(of: "in").post(to: 2, in: to, ending: true)
            defer { ending.cancel() }
            let log = Log<String>()
            for topic in [1, 2] {
                to.events(of: topic).subscribe({ log.add("\(topic): \($0)") }, onEnd: { _ in log.add("\(topic) ends") })
            }
            from.post(2, to: "in")
            from.close()
            #expect(log.all == ["1: 2", "2: 2", "2 ends"])
            #expect(await collector.settledReports().count == 1)
        }
    }
}

/// The error that a source ends with at once.
private func endError(of source: some EventSource) throws {
    let log = Log<any Error>()
    source.subscribe({ _ in }, onEnd: { if let error = $0 { log.add(error) } })
    if let error = log.all.first { throw error }
}
