// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

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
@usableFromInline
struct ChannelState<Element: Sendable>: Sendable {
    /// What a sender has: an element, or an error for the one who receives.
    @usableFromInline typealias Parcel = Result<Element, any Error>

    @usableFromInline var preference = ChannelPreference.receiver
    @usableFromInline var isClosed = false
    @usableFromInline var senders = WaitLine<Void, Parcel>()
    @usableFromInline var receivers = WaitLine<Element, Void>()
    /// What was received, and reached nobody: the handler on whose behalf it was has left.
    @usableFromInline var returned = _Ring<Element>()

    @inlinable
    init() {}

    /// Those who wait to send, less those who wait to receive.
    @inlinable var balance: Int { senders.count - receivers.count }

    /// Somebody waits; a select may do so on both sides.
    var isAwaited: Bool { !senders.isEmpty || !receivers.isEmpty }

    @usableFromInline
    enum Send { case met(Waiter<Element>), alone, refused }

    @inlinable
    @inline(__always)
    mutating func send() -> Send {
        if isClosed { return .refused }
        if let receiver = receivers.popClaimed() { return .met(receiver.waiter) }
        return .alone
    }

    @inlinable
    @inline(__always)
    mutating func wait(_ sender: Waiter<Void>, with parcel: Parcel) { senders.append(sender, parcel) }

    @usableFromInline
    enum Receive { case met(Waiter<Void>, Parcel), returned(Element), alone, refused }

    @inlinable
    @inline(__always)
    mutating func receive() -> Receive {
        if !returned.isEmpty, let element = returned.popFirst() { return .returned(element) }
        if let sender = senders.popClaimed() { return .met(sender.waiter, sender.extra) }
        return isClosed ? .refused : .alone
    }

    @inlinable
    @inline(__always)
    mutating func wait(_ receiver: Waiter<Element>) { receivers.append(receiver) }

    /// An element that nobody had after all, whose sender has been told that it was received.
    mutating func putBack(_ element: Element) -> Waiter<Element>? {
        if let receiver = receivers.popClaimed() { return receiver.waiter }
        returned.prepend(element)
        return nil
    }

    mutating func leave(_ future: _FutureCore) -> Parcel? {
        receivers.remove(future) == nil ? senders.remove(future) : nil
    }

    /// A greenlet was interrupted. What it had to send goes with it.
    ///
    /// - Returns: False if it was claimed.
    @inlinable
    mutating func leave(receiver: WaitingGreenlet<Element>) -> Bool { receivers.remove(receiver) != nil }

    /// The same for one who waits to send: what it had, nil if it was claimed.
    @inlinable
    mutating func leave(sender: WaitingGreenlet<Void>) -> Parcel? { senders.remove(sender) }

    /// After the closing: who still waits, the senders first. Each is settled before the next is claimed: a select may wait
    /// on both sides.
    mutating func refuseNextSender() -> (waiter: Waiter<Void>, extra: Parcel)? { senders.popClaimed() }

    mutating func refuseNextReceiver() -> Waiter<Element>? { receivers.popClaimed()?.waiter }
}
