// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures
import Greenlets
import Loops

extension EventSource {
    /// Runs a function for each element, in a fresh greenlet: it may wait (gevent: `signal_handler`).
    ///
    ///     Signal.hangup.spawn(on: loop) { _ in settings = try fetch(url).wait() }
    ///
    /// The handler stays installed. A greenlet does not wait for the one before, so a slow function runs several times at
    /// once. Between two elements there is no greenlet: the handler keeps no loop from becoming idle, and does not keep a
    /// loop alive.
    ///
    /// - Executor: A greenlet on `loop`; by default on the current loop, or the shared one where there is none.
    /// - Cancellation: Through the subscription, which does not touch greenlets that have begun. The end of the loop ends it.
    /// - Errors: What the function throws is reported like the error of any greenlet that nobody observes. The source's end
    ///   with an error is reported, too.
    @discardableResult
    public func spawn(
        on loop: (any Loop)? = nil,
        name: String? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: @escaping @Sendable (Element) throws -> Void
    ) -> Subscription {
        let home = Home(loop ?? CurrentLoop.current.flatMap { $0 is Drain ? nil : $0 } ?? IOLoop.shared)
        let place = SubscriptionPlace()
        let closing = home.loop?.whenClosed { place.cancel() }
        let source = "\(self)"
        // Without a loop, what came stays the source's.
        let claims: @Sendable (Element) -> Bool = { _ in
            if home.loop != nil { return true }
            place.cancel()
            return false
        }
        place.fill(
            _subscribe(
                _Consumer(demand: .unlimited, claims: claims) { event in
                    switch event {
                    case .next(let element):
                        guard let loop = home.loop else { return }
                        Greenlet.spawn(on: loop, name: name, fileID: fileID, line: line) { try body(element) }
                    case .end(let error):
                        closing?.cancel()
                        guard let error else { return }
                        Reporter.report(.message("no further greenlets for \(source), at \(fileID):\(line): \(error)"))
                    }
                }
            )
        )
        return Subscription(
            request: { _ in },
            cancel: {
                closing?.cancel()
                return place.cancel()
            }
        )
    }
}

/// A loop that a handler spawns on and does not own.
private final class Home: Sendable {
    private let shared: (any Loop)?
    private let other: Lock<Reference>

    private struct Reference {
        weak var loop: (any Loop)?
    }

    init(_ loop: any Loop) {
        // A weak reference would slow down every later use of the loop that lives for ever.
        let isShared = loop === IOLoop.shared
        shared = isShared ? loop : nil
        other = Lock(Reference(loop: isShared ? nil : loop))
    }

    var loop: (any Loop)? { shared ?? other.withLock { $0.loop } }
}
