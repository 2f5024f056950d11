// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Testing

/// A source that a test pushes events into.
private final class Tap: EventSource {
    private let subscribers = Lock<[_Subscriber<Int>]>([])
    private let backlog: _Subscriber<Int>.Backlog
    let asked = Log<String>()

    init(backlog: _Subscriber<Int>.Backlog = .unbounded) { self.backlog = backlog }

    func subscribe(demand: Demand, _ handler: @escaping @Sendable (SourceEvent<Int>) -> Void) -> Subscription {
        let subscriber = _Subscriber<Int>(
            _Consumer(demand: demand, handler),
            backlog: backlog,
            onDemand: { [asked] _ in asked.add("asked") },
            onLeave: { [weak self] leaver, _ in self?.subscribers.withLock { $0.removeAll { $0 === leaver } } }
        )
        subscribers.withLock { $0.append(subscriber) }
        return subscriber.subscription
    }

    var count: Int { subscribers.withLock { $0.count } }
    var dropped: Int { subscribers.withLock { $0.first?.droppedCount ?? 0 } }

    func push(_ elements: Int...) {
        for element in elements { for subscriber in subscribers.withLock({ $0 }) { subscriber.offer(element) } }
    }

    func end(_ error: (any Error)? = nil) { for subscriber in subscribers.withLock({ $0 }) { subscriber.end(error) } }
}

private func name(_ event: SourceEvent<Int>) -> String {
    switch event {
    case .next(let element): "\(element)"
    case .end(nil): "end"
    case .end(let error?): "end: \(type(of: error))"
    }
}

@Suite("Event sources") struct EventSourceTests {
    @Test("ES1: a handler is called for one event at a time, in order and never nested; the end comes last, and once")
    func serial() {
        let tap = Tap()
        let log = Log<String>()
        let depth = Box(0)
        _ = tap.subscribe(demand: .unlimited) { event in
            depth.change { $0 += 1 }
            if case .next(1) = event {
                tap.push(2)
                tap.end()
                tap.end(Oops())
                tap.push(3)
            }
            log.add("\(name(event)) at \(depth.value)")
            depth.change { $0 -= 1 }
        }
        tap.push(1)
        #expect(log.all == ["1 at 1", "2 at 1", "end at 1"])
    }

    @Test("ES1: events that several threads push reach the handler one at a time, each thread's in its order")
    func serialAcrossThreads() async throws {
        let tap = Tap()
        let isInside = Box(false)
        let overlaps = Box(0)
        let log = Log<Int>()
        _ = tap.subscribe(demand: .unlimited) { event in
            if isInside.value { overlaps.change { $0 += 1 } }
            isInside.value = true
            if case .next(let element) = event { log.add(element) }
            isInside.value = false
        }
        let count = scaled(2_000)
        async let one: Void = onThread { for n in 0..<count { tap.push(n) } }
        async let other: Void = onThread { for n in 0..<count { tap.push(1_000_000 + n) } }
        _ = try await (one, other)
        #expect(await eventually { log.count == 2 * count })
        #expect(overlaps.value == 0)
        #expect(log.all.filter { $0 < 1_000_000 } == Array(0..<count))
        #expect(log.all.filter { $0 >= 1_000_000 } == Array(1_000_000..<1_000_000 + count))
    }

    @Test("ES2: a handler gets as many elements as it asked for, the rest waits; the end needs no demand")
    func demand() {
        let tap = Tap()
        let log = Log<String>()
        let subscription = tap.subscribe(demand: 1) { log.add(name($0)) }
        tap.push(1, 2, 3)
        #expect(log.all == ["1"])
        subscription.request(1)
        #expect(log.all == ["1", "2"])
        tap.end()
        #expect(log.all == ["1", "2"])
        subscription.request(.unlimited)
        #expect(log.all == ["1", "2", "3", "end"])
        let silent = Tap()
        _ = silent.subscribe(demand: .none) { log.add(name($0)) }
        silent.end(Oops())
        #expect(log.all.last == "end: Oops")
        #expect(Demand(-1) == .none && Demand.unlimited.description == "unlimited")
    }

    @Test("ES2: demand that a handler adds while it is called is met by the same delivery, without recursion")
    func demandInside() {
        let tap = Tap()
        let place = SubscriptionPlace()
        let seen = Box(0)
        place.fill(
            tap.subscribe(demand: 1) { _ in
                seen.change { $0 += 1 }
                place.request(1)
                if seen.value < 100_000 { tap.push(1) }
            }
        )
        tap.push(1)
        #expect(seen.value == 100_000)
    }

    @Test(
        "ES3: nothing comes after leaving, also when that is done in the handler; whoever leaves an ended source is too late"
    )
    func leaving() {
        let tap = Tap()
        let log = Log<String>()
        let place = SubscriptionPlace()
        place.fill(
            tap.subscribe(demand: .unlimited) { event in
                log.add(name(event))
                #expect(place.cancel() == .stopped)
            }
        )
        tap.push(1, 2)
        tap.end()
        #expect(log.all == ["1"])
        #expect(tap.count == 0)
        #expect(place.cancel() == .tooLate)
        let ended = tap.subscribe(demand: .none) { log.add(name($0)) }
        tap.end()
        #expect(ended.cancel() == .tooLate)
        ended.request(1)
        #expect(log.all == ["1", "end"])
    }

    @Test("ES3: leaving gives up what the handler owned, and what was kept for it")
    func leavingReleases() {
        let tap = Tap()
        let gone = Box(false)
        let subscription: Subscription
        do {
            let sentinel = Sentinel(onDeinit: { gone.value = true })
            subscription = tap.subscribe(demand: .none) { _ in sentinel.touch() }
        }
        #expect(!gone.value)
        subscription.cancel()
        #expect(gone.value)
    }

    @Test(
        "ES4: on an executor the elements come one by one, in order; the next is asked for when the handler has returned"
    )
    func onExecutor() throws {
        let loop = VirtualLoop()
        let tap = Tap()
        let log = Log<String>()
        let subscription = tap.subscribe(on: loop, { log.add("\($0)") }, onEnd: { _ in log.add("end") })
        tap.push(1, 2, 3)
        #expect(log.all.isEmpty)
        try loop.runUntilIdle()
        #expect(log.all == ["1", "2", "3"])
        tap.push(4)
        subscription.cancel()
        try loop.runUntilIdle()
        #expect(log.all == ["1", "2", "3"])
    }

    @Test("ES4: a stopped executor ends the subscription with LoopClosed; a handler that throws is reported and stays")
    func stoppedExecutor() throws {
        let loop = VirtualLoop()
        loop.stop()
        let tap = Tap()
        let log = Log<String>()
        tap.subscribe(on: loop, { log.add("\($0)") }, onEnd: { log.add("\($0 is LoopClosed)") })
        tap.push(1, 2)
        #expect(log.all == ["true"])
        #expect(tap.count == 0)
        let error = Oops()
        let reports = ReportCollector(containing: "\(error)")
        tap.subscribe { element in
            log.add("\(element)")
            if element == 3 { throw error }
        }
        tap.push(3, 4)
        #expect(log.all == ["true", "3", "4"])
        #expect(reports.settled().count == 1)
    }

    @Test("ES5: next is one element; nobody subscribes before a verb, and nobody stays")
    func next() async throws {
        let tap = Tap()
        let next = tap.next()
        #expect(tap.count == 0)
        let future = next.future()
        #expect(tap.count == 1)
        tap.push(1, 2)
        #expect(try await future.value == 1)
        #expect(tap.count == 0)
        let left = next.future()
        #expect(left.cancel() == .stopped)
        #expect(tap.count == 0)
        let late = next.future()
        tap.end()
        await #expect(throws: SourceEnded.self) { try await late.value }
        let failed = next.future()
        tap.end(Oops())
        await #expect(throws: Oops.self) { try await failed.value }
    }

    @Test("ES2, ES11: what was asked for is no part of a limited backlog, also while the handler is busy")
    func askedFor() {
        for backlog in [_Subscriber<Int>.Backlog.oldest(1), .newest(1)] {
            let tap = Tap(backlog: backlog)
            let log = Log<String>()
            let place = SubscriptionPlace()
            place.fill(
                tap.subscribe(demand: 2) { event in
                    log.add(name(event))
                    if log.count == 1 { tap.push(1, 2) }
                }
            )
            tap.push(0)
            #expect(log.all == ["0", "1"] && tap.dropped == 0)
            place.request(1)
            #expect(log.all == ["0", "1", "2"])
        }
    }

    @Test("ES11: a limited backlog keeps the oldest or the newest, and counts what it drops")
    func backlog() {
        for (backlog, kept) in [(_Subscriber<Int>.Backlog.oldest(2), ["1", "2"]), (.newest(2), ["4", "5"])] {
            let tap = Tap(backlog: backlog)
            let log = Log<String>()
            let subscription = tap.subscribe(demand: .none) { log.add(name($0)) }
            tap.push(1, 2, 3, 4, 5)
            #expect(tap.dropped == 3)
            subscription.request(.unlimited)
            #expect(log.all == kept)
        }
    }
}

@Suite("Event streams") struct EventStreamTests {
    @Test("ES6: each element goes to one taker, in the order they asked, whatever style they ask in")
    func takers() async throws {
        let tap = Tap()
        let stream = tap.stream()
        let log = Log<String>()
        let first = stream.next().future()
        stream.next().callback { log.add("callback \(String(describing: try? $0.get()))") }
        tap.push(1, 2, 3, 4)
        #expect(try await first.value == 1)
        #expect(log.all == ["callback Optional(2)"])
        #expect(try await onThread { try stream.waitNext() } == 3)
        tap.end()
        var rest: [Int] = []
        for try await element in stream { rest.append(element) }
        #expect(rest == [4])
        #expect(try await onThread { try stream.waitNext() } == nil)
    }

    @Test("ES7: a stream asks its source for an element when somebody waits for one, and only then")
    func backPressure() async throws {
        let tap = Tap()
        let stream = tap.stream()
        #expect(tap.asked.count == 0)
        let one = stream.next().future()
        #expect(tap.asked.count == 1)
        let two = stream.next().future()
        #expect(tap.asked.count == 2)
        two.cancel()
        let three = stream.next().future()
        // What the one who left had asked for is still on its way.
        #expect(tap.asked.count == 2)
        tap.push(1, 2)
        #expect(try await one.value == 1)
        #expect(try await three.value == 2)
    }

    @Test("ES8: a taker that is cancelled or times out loses no element")
    func nothingLost() async throws {
        let loop = VirtualLoop()
        let tap = Tap()
        let stream = tap.stream()
        let left = stream.next().future()
        left.cancel()
        let late = stream.next().timeout(.seconds(1), on: loop).future()
        try loop.advance(by: .seconds(2))
        await #expect(throws: TimedOut.self) { try await late.value }
        let task = Task { try await stream.next().value }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        tap.push(1, 2)
        #expect(try await stream.next().value == 1)
        #expect(try await stream.next().value == 2)
    }

    @Test("ES8: takers that leave at the moment an element comes lose none, on several threads")
    func nothingLostInRaces() async throws {
        let count = scaled(5_000)
        let tap = Tap()
        let stream = tap.stream()
        let taken = Log<Int>()
        async let pushing: Void = onThread { for n in 0..<count { tap.push(n) } }
        async let leaving: Void = onThread {
            for n in 0..<count {
                let future = stream.next().future()
                let registration = future.observe { if case .success(let element?) = $0 { taken.add(element) } }
                if n % 2 == 0 { registration.cancel() }
            }
        }
        _ = try await (pushing, leaving)
        // What was given back comes on a background thread.
        while taken.count < count {
            if let element = try await stream.next().value { taken.add(element) }
        }
        #expect(Set(taken.all).count == count && taken.count == count)
    }

    @Test(
        "ES9: the error of a source is thrown once, then the stream is at its end; dropping the stream leaves the source"
    )
    func ends() async throws {
        let tap = Tap()
        do {
            let stream = tap.stream()
            #expect(tap.count == 1)
            let pending = stream.next().future()
            tap.end(Oops())
            await #expect(throws: Oops.self) { try await pending.value }
            #expect(try await stream.next().value == nil)
        }
        let other = Tap()
        var stream: EventStream<Int>? = other.stream()
        #expect(other.count == 1)
        let waiting = stream?.next().future()
        stream?.cancel()
        #expect(other.count == 0)
        #expect(try await waiting?.value == .some(nil))
        stream = other.stream()
        #expect(other.count == 1)
        stream = nil
        #expect(other.count == 0)
    }

    @Test("ES10: each subscription of an AsyncSequence iterates it in a task of its own, as far as its handler asks")
    func sequence() async throws {
        let pulled = Box(0)
        let numbers = Counting(pulled: pulled)
        let log = Log<String>()
        let subscription = numbers.events().subscribe(demand: 2) { log.add(name($0)) }
        #expect(await eventually { log.count == 2 })
        #expect(log.all == ["1", "2"])
        #expect(pulled.value == 2)
        #expect(subscription.cancel() == .stopped)
        let stream = numbers.events().stream()
        #expect(try await stream.next().value == 1)
        var sum = 0
        for try await n in AsyncStream(unfolding: { () -> Int? in nil }).events().stream() { sum += n }
        #expect(sum == 0)
        let failing = AsyncThrowingStream<Int, any Error> { $0.finish(throwing: Oops()) }
        await #expect(throws: Oops.self) { try await failing.events().stream().next().value }
    }

    @Test("ES10: leaving cancels the task that iterates")
    func sequenceCancelled() async throws {
        let log = Log<String>()
        let never = Promise<Void>.kept()
        let forever = AsyncStream<Int> {
            log.add("began")
            do { try await never.future.value } catch { log.add("\(error is CancellationError)") }
            return nil
        }
        let subscription = forever.events().subscribe(demand: .unlimited) { _ in log.add("called") }
        #expect(await eventually { log.count == 1 })
        subscription.cancel()
        #expect(await eventually { log.count == 2 })
        #expect(log.all == ["began", "true"])
        #expect(subscription.cancel() == .tooLate)
    }
}

private struct Counting: AsyncSequence, Sendable {
    let pulled: Box<Int>

    struct AsyncIterator: AsyncIteratorProtocol {
        let pulled: Box<Int>
        var last = 0
        mutating func next() async -> Int? {
            pulled.change { $0 += 1 }
            last += 1
            return last
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(pulled: pulled) }
}
