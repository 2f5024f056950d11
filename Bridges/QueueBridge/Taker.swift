// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// Takes one element after the other, for a handler that asks for them.
final class Taker<Element: Sendable>: Sendable {
    private struct State {
        var isTaking = false
        var get: Registration?
        var hasLeft = false
    }

    private let source: @Sendable () throws -> _Run<Element>
    private let putBack: (@Sendable (Element) -> Void)?
    private let state = Futures.Lock(State())

    /// - Parameter putBack: What becomes of an element whose handler has left meanwhile.
    init(take: @escaping @Sendable () throws -> _Run<Element>, putBack: (@Sendable (Element) -> Void)?) {
        source = take
        self.putBack = putBack
    }

    func begin(_ demand: Demand, _ handler: @escaping @Sendable (SourceEvent<Element>) -> Void) -> Subscription {
        let subscriber = _Subscriber<Element>(
            demand: demand,
            onDemand: { self.take(for: $0) },
            onLeave: { _ in self.leave() },
            onUndelivered: { elements in for element in elements.reversed() { self.putBack?(element) } },
            handler
        )
        take(for: subscriber)
        return subscriber.subscription
    }

    /// Iterative: a get that is complete at once is the common case.
    private func take(for subscriber: _Subscriber<Element>) {
        while subscriber.hasDemand {
            let mayTake = state.withLock { state in
                if state.isTaking || state.hasLeft { return false }
                state.isTaking = true
                return true
            }
            guard mayTake else { return }
            let run: _Run<Element>
            do { run = try source() } catch {
                finish(.failure(error), for: subscriber)
                continue
            }
            guard case .future(let get) = run else {
                if case .value(let element) = run { finish(.success(element), for: subscriber) }
                continue
            }
            let registration = get.observe { outcome in
                self.finish(outcome, for: subscriber)
                self.take(for: subscriber)
            }
            let hasLeft = state.withLock { state in
                state.get = registration
                return state.hasLeft
            }
            if hasLeft { registration.cancel() }
            return
        }
    }

    private func finish(_ outcome: Result<Element, any Error>, for subscriber: _Subscriber<Element>) {
        state.withLock { ($0.isTaking, $0.get) = (false, nil) }
        switch outcome {
        case .success(let element): if !subscriber.offer(element) { putBack?(element) }
        case .failure(let error): subscriber.end(error is QueueClosed ? nil : error)
        }
    }

    private func leave() {
        let get = state.withLock { state in
            defer { (state.hasLeft, state.get) = (true, nil) }
            return state.get
        }
        get?.cancel()
    }
}
