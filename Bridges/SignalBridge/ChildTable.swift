// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import Loops

/// The children that are to be reaped.
///
/// A child has a descriptor that becomes readable at its end, so that SIGCHLD stays the user's. One that has none is polled:
/// at each SIGCHLD, which says that some have ended and not which, and once a second, as somebody may have taken the signal.
final class ChildTable: Sendable {
    private let state = Lock(State())

    /// Takes a child over.
    ///
    /// - Errors: ``ChildUnavailable``; what keeps the registry's thread from starting.
    func adopt(_ process: Int32, in core: SignalCore) throws -> ChildExit {
        guard process > 0 else { throw ChildUnavailable(process: process, reason: .notOneProcess) }
        let (exit, errand) = try state.withLock { state -> (ChildExit, Errand?) in
            if let known = state.children[process] { return (known.exit, nil) }
            // The loop comes first: from then on forks are counted.
            let loop = try core.startedLoop(for: .child)
            let exit = ChildExit(of: process)
            let child = Child(process, exit)
            switch child.look() {
            case .running: return (exit, state.insert(child, on: loop))
            case .ended(let outcome):
                child.close()
                exit.complete(outcome)
                return (exit, nil)
            case .missing:
                child.close()
                throw ChildUnavailable(process: process, reason: .noChild)
            }
        }
        if let errand { run(errand, in: core) }
        return exit
    }

    private func run(_ errand: Errand, in core: SignalCore) {
        let loop = errand.loop
        errand.endedPolling?.cancel()
        if errand.isNewLoop { loop.stopped.callback { _ in self.move(in: core) } }
        for child in errand.watched {
            loop.readable(child.descriptor).callback { outcome in
                // Of a loop that has stopped the children move to another one.
                if case .failure(let error) = outcome, error is LoopClosed { return }
                self.told(of: child, in: core)
            }
        }
        guard let polling = errand.polling else { return }
        polling.fill(startPolling(on: loop))
        // An end before that is seen now.
        poll()
    }

    /// SIGCHLD may be somebody else's, and then the timer is all there is.
    private func startPolling(on loop: IOLoop) -> Subscription {
        let signals = Signal.child.subscribe(demand: .unlimited) { event in
            if case .next = event { self.poll() }
        }
        let timer = try? loop.every(.seconds(1)) { self.poll() }
        return Subscription(
            request: { _ in },
            cancel: {
                timer?.stop()
                return signals.cancel()
            }
        )
    }

    private func poll() {
        finish(state.withLock { $0.takeEnded($0.children.values.filter(\.isPolled)) })
    }

    /// The descriptor is readable, or cannot be watched. On the loop.
    private func told(of child: Child, in core: SignalCore) {
        let (departure, errand) = state.withLock { state -> (Departure, Errand?) in
            let departure = state.takeEnded([child])
            // A debugger is told of the end before the parent is.
            return (departure, departure.ended.isEmpty ? state.poll(child) : nil)
        }
        finish(departure)
        if let errand { run(errand, in: core) }
    }

    private func finish(_ departure: Departure) {
        departure.endedPolling?.cancel()
        for (child, outcome) in departure.ended { child.exit.complete(outcome) }
    }

    /// The registry's loop was stopped from a handler: another one takes over, if it can.
    private func move(in core: SignalCore) {
        do {
            let errand = try state.withLock { state -> Errand? in
                if state.children.isEmpty {
                    state.loop = nil
                    return nil
                }
                return state.settle(on: try core.startedLoop(for: .child))
            }
            if let errand { run(errand, in: core) }
        } catch {
            finish(state.withLock { $0.giveUp(error) })
        }
    }
}

extension ChildTable {
    fileprivate struct State {
        var children: [Int32: Child] = [:]
        /// The loop that they are watched on. The table hears of its end.
        var loop: IOLoop?
        /// There while a child is polled.
        var polling: SubscriptionPlace?
    }

    /// What is left to do for children that stay, without the lock.
    fileprivate struct Errand {
        let loop: IOLoop
        var isNewLoop = false
        var watched: [Child] = []
        var polling: SubscriptionPlace?
        var endedPolling: SubscriptionPlace?
    }

    /// What is left to do for children that were taken out, without the lock.
    fileprivate struct Departure {
        let ended: [(Child, Result<ChildStatus, any Error>)]
        let endedPolling: SubscriptionPlace?
    }
}

extension ChildTable.State {
    mutating func insert(_ child: Child, on loop: IOLoop) -> ChildTable.Errand {
        var errand = settle(on: loop)
        children[child.process] = child
        if child.isPolled { startPolling(&errand) } else { errand.watched.append(child) }
        return errand
    }

    /// A loop that is not the one that was known takes that one's place, and all its children.
    mutating func settle(on loop: IOLoop) -> ChildTable.Errand {
        var errand = ChildTable.Errand(loop: loop)
        if self.loop === loop { return errand }
        self.loop = loop
        errand.isNewLoop = true
        errand.watched = children.values.filter { !$0.isPolled }
        errand.endedPolling = polling.take()
        if errand.endedPolling != nil { startPolling(&errand) }
        return errand
    }

    /// From now on nothing tells of its end.
    mutating func poll(_ child: Child) -> ChildTable.Errand? {
        guard let loop, children[child.process]?.exit === child.exit else { return nil }
        children[child.process]?.isPolled = true
        var errand = ChildTable.Errand(loop: loop)
        startPolling(&errand)
        return errand
    }

    private mutating func startPolling(_ errand: inout ChildTable.Errand) {
        if polling != nil { return }
        polling = SubscriptionPlace()
        errand.polling = polling
    }

    /// Takes out those of the candidates that have ended, unless it was done before.
    mutating func takeEnded(_ candidates: [Child]) -> ChildTable.Departure {
        let ended = candidates.compactMap { child -> (Child, Result<ChildStatus, any Error>)? in
            guard children[child.process]?.exit === child.exit, let outcome = child.outcome else { return nil }
            children[child.process] = nil
            child.close()
            return (child, outcome)
        }
        // Without children to poll SIGCHLD does what it did before.
        let isPolling = polling != nil && children.values.contains(where: \.isPolled)
        return ChildTable.Departure(
            ended: ended.sorted { $0.0.process < $1.0.process },
            endedPolling: isPolling ? nil : polling.take()
        )
    }

    /// There is no loop to be had.
    mutating func giveUp(_ error: any Error) -> ChildTable.Departure {
        defer { (children, loop) = ([:], nil) }
        for child in children.values { child.close() }
        return ChildTable.Departure(
            ended: children.values.map { ($0, .failure(error)) },
            endedPolling: polling.take()
        )
    }
}
