// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// Takes one element after the other, for a handler that asks for them. What the handler is not called with goes back.
final class Taker<Element: Sendable>: Sendable {
    private enum Phase {
        case idle
        /// Somebody is taking, or hands over what was taken.
        case busy
        /// The get that somebody is making is complete already.
        case early
        case waiting(Registration)
        case left
    }

    private let source: @Sendable () throws -> _Run<Element>
    private let putBack: @Sendable (Element) -> Void
    private let phase = Futures.Lock(Phase.idle)

    init(take: @escaping @Sendable () throws -> _Run<Element>, putBack: @escaping @Sendable (Element) -> Void) {
        source = take
        self.putBack = putBack
    }

    func begin(_ consumer: _Consumer<Element>) -> Subscription {
        let subscriber = _Subscriber<Element>(
            consumer,
            onDemand: { self.take(for: $0) },
            onLeave: { _, elements in
                self.leave()
                for element in elements.reversed() { self.putBack(element) }
            },
            onDecline: putBack
        )
        take(for: subscriber)
        return subscriber.subscription
    }

    /// Iterative: a get that is complete at once is the common case.
    private func take(for subscriber: _Subscriber<Element>) {
        while subscriber.hasDemand {
            let mayTake = phase.withLock { phase in
                guard case .idle = phase else { return false }
                phase = .busy
                return true
            }
            guard mayTake else { return }
            do {
                switch try source() {
                case .value(let element): hand(.success(element), to: subscriber)
                case .future(let get): if !wait(for: get, subscriber) { return }
                }
            } catch { hand(.failure(error), to: subscriber) }
        }
    }

    /// False if the get takes its time.
    private func wait(for get: Future<Element>, _ subscriber: _Subscriber<Element>) -> Bool {
        let registration = get.observe { outcome in
            if self.hand(outcome, to: subscriber, from: get) { self.take(for: subscriber) }
        }
        let (isEarly, hasLeft) = phase.withLock { phase in
            switch phase {
            case .early:
                phase = .idle
                return (true, false)
            case .left: return (false, true)
            default:
                phase = .waiting(registration)
                return (false, false)
            }
        }
        if hasLeft { registration.cancel() }
        return isEarly
    }

    /// Hands an element over, before the next one is taken.
    ///
    /// - Parameter get: What was waited for, if it was.
    /// - Returns: Whether the caller is to take the next one.
    @discardableResult
    private func hand(
        _ outcome: Result<Element, any Error>,
        to subscriber: _Subscriber<Element>,
        from get: Future<Element>? = nil
    ) -> Bool {
        switch outcome {
        case .success(let element): if !subscriber.offer(element) { putBack(element) }
        case .failure(let error): subscriber.end(error is QueueClosed ? nil : error)
        }
        return phase.withLock { phase in
            switch phase {
            case .left: return false
            case .busy where get != nil:
                phase = .early
                return false
            default:
                phase = .idle
                return true
            }
        }
    }

    private func leave() {
        let get = phase.withLock { phase -> Registration? in
            defer { phase = .left }
            guard case .waiting(let get) = phase else { return nil }
            return get
        }
        get?.cancel()
    }
}
