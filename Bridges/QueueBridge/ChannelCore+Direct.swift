// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

// What waits without a future: greenlets, and whoever need not wait.

extension ChannelCore {
    /// Sends; nil if that has to wait, and no greenlet was given that does.
    @inlinable
    func send(_ parcel: ChannelState<Element>.Parcel, waiting parker: _BorrowedParker?) throws -> Void? {
        guard let parker else { return try trySend(parcel) ? () : nil }
        var place = WaitingGreenlet<Void>.Place(parker)
        return try unsafe withUnsafeMutablePointer(to: &place) { place in
            let greenlet = unsafe WaitingGreenlet(at: place)
            let (send, preference) = state.withLock { state in
                let send = state.send()
                if case .alone = send { state.wait(.greenlet(greenlet), with: parcel) }
                return (send, state.preference)
            }
            switch send {
            case .met(let receiver):
                receiver.settle(parcel, first: preference == .receiver)
                if preference != .sender { parker.letOthersRun() }
            case .refused: throw closed("a send")
            case .alone: try greenlet.wait(in: self) { state.withLock { $0.leave(sender: greenlet) } != nil }
            }
        }
    }

    /// Receives; nil if that has to wait, and no greenlet was given that does.
    @inlinable
    func receive(waiting parker: _BorrowedParker?) throws -> Element? {
        guard let parker else { return try tryReceive() }
        var place = WaitingGreenlet<Element>.Place(parker)
        return try unsafe withUnsafeMutablePointer(to: &place) { place in
            let greenlet = unsafe WaitingGreenlet(at: place)
            let (receive, preference) = state.withLock { state in
                let receive = state.receive()
                if case .alone = receive { state.wait(.greenlet(greenlet)) }
                return (receive, state.preference)
            }
            switch receive {
            case .met(let sender, let parcel):
                sender.settle(.success(()), first: preference == .sender)
                if preference != .receiver { parker.letOthersRun() }
                return try parcel.get()
            case .refused: throw closed("a receive")
            case .alone: return try greenlet.wait(in: self) { state.withLock { $0.leave(receiver: greenlet) } }
            }
        }
    }
}
