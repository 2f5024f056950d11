// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// Who of two greenlets that meet runs first.
public enum ChannelPreference: Sendable, Hashable {
    /// Who receives runs at once; who sends comes after those who are ready.
    case receiver
    /// Who sends runs at once; who receives comes after those who are ready.
    case sender
    /// Both come after those who are ready.
    case neither
}

/// What a channel is: those who wait to send or those who wait to receive, never both.
struct ChannelState<Element: Sendable>: Sendable {
    /// What a sender has: an element, or an error for the one who receives.
    typealias Parcel = Result<Element, any Error>

    var preference = ChannelPreference.receiver
    private(set) var isClosed = false
    private(set) var senders = WaitLine<Void, Parcel>()
    private(set) var receivers = WaitLine<Element, Void>()

    /// Those who wait to send, less those who wait to receive.
    var balance: Int { senders.count - receivers.count }

    enum Send { case met(Waiter<Element>), alone, refused }

    mutating func send() -> Send {
        if isClosed { return .refused }
        if let receiver = receivers.popClaimed() { return .met(receiver.waiter) }
        return .alone
    }

    mutating func wait(_ sender: Waiter<Void>, with parcel: Parcel) { senders.append(sender, parcel) }

    enum Receive { case met(Waiter<Void>, Parcel), alone, refused }

    mutating func receive() -> Receive {
        if let sender = senders.popClaimed() { return .met(sender.waiter, sender.extra) }
        return isClosed ? .refused : .alone
    }

    mutating func wait(_ receiver: Waiter<Element>) { receivers.append(receiver) }

    mutating func leave(_ future: _FutureCore) -> Parcel? {
        receivers.remove(future) == nil ? senders.remove(future) : nil
    }

    /// Everybody is refused, whoever waits, too.
    mutating func close() -> (senders: [Waiter<Void>], receivers: [Waiter<Element>]) {
        isClosed = true
        return (senders.popAllClaimed(), receivers.popAllClaimed())
    }
}
