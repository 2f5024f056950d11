// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CStackSwitch
import Futures

/// The hub's ready queue as tasklets see it: one may be taken out of it, put back, or jumped to. On the hub's thread only.
extension AnyGreenlet {
    /// It would be ready, but was taken out of the queue. An interruption puts it back.
    final var isOut: Bool { unsafe attention.contains(.out) }

    /// It stands in the queue.
    final var isReady: Bool { unsafe scheduler.pointee.position(of: self) != nil }

    /// Takes one that is ready out of the queue.
    final func takeOut() {
        guard let position = unsafe scheduler.pointee.position(of: self) else { return }
        unsafe scheduler.pointee.remove(at: position)
        unsafe attention.insert(.out)
    }

    /// Puts it back, last or first.
    final func putBack(first: Bool = false) {
        unsafe attention.remove(.out)
        unsafe scheduler.pointee.pushesFirst = first
        if unsafe state == .pending {
            unsafe scheduler.pointee.push(starting: self)
        } else if let context = unsafe context {
            unsafe scheduler.pointee.push(context)
        }
        unsafe scheduler.pointee.pushesFirst = false
        hub.requestTurn()
    }

    /// Has one that is ready, or out of the queue, come first.
    final func comeFirst() {
        if !isOut {
            if !isReady { return }
            takeOut()
        }
        putBack(first: true)
    }

    /// Ends the running greenlet's turn without a place in the queue: until it is put back.
    final func leaveQueue() throws {
        try throwIfInterrupted()
        guard let context = unsafe context else { return }
        unsafe attention.insert(.out)
        unsafe Hub.switchAway(from: context, on: scheduler)
        try throwIfInterrupted()
    }

    /// Has another greenlet run now, and after it those that stood behind it in the queue. Then, if this one stays in the queue,
    /// this one; then those that were passed over.
    final func jump(to target: AnyGreenlet, leavingQueue: Bool = false) throws {
        try throwIfInterrupted()
        guard let context = unsafe context, let position = unsafe scheduler.pointee.position(of: target) else { return }
        if leavingQueue { unsafe attention.insert(.out) } else { unsafe scheduler.pointee.push(context) }
        unsafe scheduler.pointee.rotate(by: position)
        unsafe Hub.switchAway(from: context, on: scheduler)
        try throwIfInterrupted()
    }
}
