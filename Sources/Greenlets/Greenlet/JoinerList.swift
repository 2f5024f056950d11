// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// The parked greenlets that wait for another one's end, in the order they came; touched on their hub's thread only.
///
/// Linked through the greenlets themselves: one joins one other at a time, and is alive while it is parked.
@safe
struct JoinerList {
    private var first: Unmanaged<AnyGreenlet>?
    private var last: Unmanaged<AnyGreenlet>?

    var isEmpty: Bool { unsafe first == nil }

    // SAFETY: the joiner is parked until it is woken, or removes itself.
    mutating func append(_ link: Unmanaged<AnyGreenlet>) {
        if let last = unsafe last {
            unsafe last._withUnsafeGuaranteedRef { unsafe $0.nextJoiner = link }
        } else {
            unsafe first = link
        }
        unsafe last = link
    }

    /// Takes a joiner out that waits no longer; O(number of joiners). Not being there is no fault.
    mutating func remove(_ joiner: Unmanaged<AnyGreenlet>) {
        var previous: Unmanaged<AnyGreenlet>?
        var current = unsafe first
        while let link = unsafe current {
            let next = unsafe link._withUnsafeGuaranteedRef { unsafe $0.nextJoiner }
            if unsafe link.toOpaque() == joiner.toOpaque() {
                unsafe joiner._withUnsafeGuaranteedRef { unsafe $0.nextJoiner = nil }
                if let previous = unsafe previous {
                    unsafe previous._withUnsafeGuaranteedRef { unsafe $0.nextJoiner = next }
                } else {
                    unsafe first = next
                }
                if unsafe next == nil { unsafe last = previous }
                return
            }
            unsafe previous = link
            unsafe current = next
        }
    }

    /// Makes all of them ready, and forgets them.
    mutating func wakeAll() {
        var current = unsafe first
        unsafe first = nil
        unsafe last = nil
        while let link = unsafe current {
            unsafe link._withUnsafeGuaranteedRef { joiner in
                unsafe current = joiner.nextJoiner
                unsafe joiner.nextJoiner = nil
                joiner.unparkHere()
            }
        }
    }
}
