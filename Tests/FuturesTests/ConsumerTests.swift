// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import Testing

/// A source that a test plays the whole of: it has the consumer, and counts what it is asked for.
private final class Stage: EventSource {
    let asked = Box(0)
    let consumer = Box<_Consumer<Int>?>(nil)
    let onCancel = Box<@Sendable () -> Void>({})

    func subscribe(demand: Demand, _ handler: @escaping @Sendable (SourceEvent<Int>) -> Void) -> Subscription {
        _subscribe(_Consumer(demand: demand, handler))
    }

    func _subscribe(_ consumer: _Consumer<Int>) -> Subscription {
        self.consumer.value = consumer
        asked.change { $0 += consumer.demand.count }
        return Subscription(
            request: { more in self.asked.change { $0 += more.count } },
            cancel: {
                self.onCancel.value()
                return .stopped
            }
        )
    }

    func claim(_ element: Int) -> Bool { consumer.value?.claims?(element) ?? true }
    func push(_ element: Int) { consumer.value?.handler(.next(element)) }
}

/// A source of a user's own, which knows of no consumers.
private final class Own: EventSource {
    private let first: Int?
    private let handler = Box<@Sendable (SourceEvent<Int>) -> Void>({ _ in })
    let asked = Box(0)
    let count = Box(0)

    /// - Parameter first: What the handler is called with before it is subscribed.
    init(first: Int? = nil) { self.first = first }

    func subscribe(demand: Demand, _ handler: @escaping @Sendable (SourceEvent<Int>) -> Void) -> Subscription {
        asked.change { $0 += demand.count }
        count.change { $0 += 1 }
        self.handler.value = handler
        if let first { handler(.next(first)) }
        return Subscription(
            request: { more in self.asked.change { $0 += more.count } },
            cancel: {
                self.count.change { $0 -= 1 }
                self.handler.value = { _ in }
                return .stopped
            }
        )
    }

    func push(_ element: Int) { handler.value(.next(element)) }
}

private enum Here { @TaskLocal static var name = "nowhere" }

@Suite("Consumers that may want none") struct ConsumerTests {
    @Test("ES8: what a consumer declines is kept, and it has asked for nothing from then on")
    func declining() {
        let (claims, log) = (Log<Int>(), Log<Int>())
        let consumer = _Consumer<Int>(
            demand: 3,
            claims: { element in
                claims.add(element)
                return claims.count > 1
            }
        ) { event in
            if case .next(let element) = event { log.add(element) }
        }
        let subscriber = _Subscriber<Int>(consumer)
        subscriber.offer(1)
        subscriber.offer(2)
        #expect(claims.all == [1] && log.all.isEmpty)
        subscriber.subscription.request(2)
        #expect(log.all == [1, 2])
    }

    @Test("ES8: who asks while an element is declined gets it, and before what came meanwhile")
    func askingSince() {
        for isGivenBack in [false, true] {
            let (log, declined) = (Log<Int>(), Log<Int>())
            let place = Box<_Subscriber<Int>?>(nil)
            let claims: @Sendable (Int) -> Bool = { _ in
                guard let subscriber = place.value else { return true }
                place.value = nil
                subscriber.offer(2)
                subscriber.subscription.request(2)
                return false
            }
            let consumer = _Consumer<Int>(demand: 1, claims: claims) { event in
                if case .next(let element) = event { log.add(element) }
            }
            let decline: @Sendable (Int) -> Void = { declined.add($0) }
            let subscriber = _Subscriber<Int>(consumer, onDecline: isGivenBack ? decline : nil)
            place.value = subscriber
            subscriber.offer(1)
            #expect(log.all == [1, 2] && declined.all.isEmpty)
        }
    }

    @Test("T24: a consumer that leaves while it declines leaves all behind: what was kept, and then the declined one")
    func leavingInClaim() {
        let (log, left) = (Log<Int>(), Log<[Int]>())
        let place = Box<_Subscriber<Int>?>(nil)
        let claims: @Sendable (Int) -> Bool = { _ in
            place.value?.offer(2)
            place.value?.subscription.cancel()
            place.value = nil
            return false
        }
        let consumer = _Consumer<Int>(demand: 2, claims: claims) { event in
            if case .next(let element) = event { log.add(element) }
        }
        let subscriber = _Subscriber<Int>(consumer, onLeave: { left.add($1) })
        place.value = subscriber
        subscriber.offer(1)
        #expect(left.all == [[2], [1]] && log.all.isEmpty)
    }

    @Test("ES8: a next that is about to leave claims nothing")
    func leavingNext() {
        let stage = Stage()
        let answers = Log<Bool>()
        let next = stage.next().future()
        stage.onCancel.value = { answers.add(stage.claim(1)) }
        next.cancel()
        #expect(answers.all == [false] && next.words == "CancellationError")
        stage.consumer.value = nil
        stage.onCancel.value = {}
    }

    @Test("ES8: who takes from a stream while an element goes to another taker is asked for as well")
    func takingInBetween() {
        let stage = Stage()
        let stream = stage.stream()
        let first = stream.next().future()
        #expect(stage.claim(1))
        let second = stream.next().future()
        stage.push(1)
        #expect(first.words == "Optional(1)" && stage.asked.value == 2)
        #expect(stage.claim(2))
        stage.push(2)
        #expect(second.words == "Optional(2)")
    }

    @Test("ES2: a source of a user's own is asked for what is wanted, and for no more")
    func asking() {
        let own = Own()
        let stream = own.stream()
        let takers = (0..<2).map { _ in stream.next().future() }
        #expect(own.asked.value == 2)
        own.push(1)
        #expect(takers.map(\.words) == ["Optional(1)", "pending"])
        let third = stream.next().future()
        #expect(own.asked.value == 3)
        own.push(2)
        own.push(3)
        #expect(takers[1].words == "Optional(2)" && third.words == "Optional(3)")
    }

    @Test("ES5: a source that calls its handler before that is subscribed keeps nobody")
    func early() {
        let own = Own(first: 1)
        #expect(own.next().future().words == "1")
        #expect(own.count.value == 0)
    }

    @Test("ES8: a stream with a context loses no element either")
    func inContext() {
        let own = Own()
        let stream = own.inContext(ContextSnapshot(Here.$name)).stream()
        stream.next().future().cancel()
        own.push(1)
        #expect(stream.next().future().words == "Optional(1)")
    }
}
