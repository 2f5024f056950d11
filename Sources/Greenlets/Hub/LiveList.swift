// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// All greenlets that have not ended, in the order they were spawned; it owns them. Insertion and removal are O(1).
@safe
package struct LiveList {
    // SAFETY: each greenlet in the list is retained once, by `insert`, until `unlink`.
    private var first: Unmanaged<AnyGreenlet>?
    private var last: Unmanaged<AnyGreenlet>?
    package private(set) var count = 0

    package var isEmpty: Bool { count == 0 }

    mutating func insert(_ greenlet: AnyGreenlet) {
        // SAFETY: released by whoever takes it out.
        let link = unsafe Unmanaged.passRetained(greenlet)
        unsafe greenlet.previousLive = last
        if let last = unsafe last {
            unsafe last._withUnsafeGuaranteedRef { unsafe $0.nextLive = link }
        } else {
            unsafe first = link
        }
        unsafe last = link
        count += 1
        unsafe greenlet.isListed = true
    }

    /// Takes the greenlet out.
    ///
    /// - Returns: The list's reference, for the caller to give up; nil if it was not in the list.
    mutating func unlink(_ greenlet: AnyGreenlet) -> Unmanaged<AnyGreenlet>? {
        guard unsafe greenlet.isListed else { return nil }
        unsafe greenlet.isListed = false
        let (next, previous) = unsafe (greenlet.nextLive, greenlet.previousLive)
        unsafe greenlet.nextLive = nil
        unsafe greenlet.previousLive = nil
        if let next = unsafe next {
            unsafe next._withUnsafeGuaranteedRef { unsafe $0.previousLive = previous }
        } else {
            unsafe last = previous
        }
        if let previous = unsafe previous {
            unsafe previous._withUnsafeGuaranteedRef { unsafe $0.nextLive = next }
        } else {
            unsafe first = next
        }
        count -= 1
        // SAFETY: the reference that `insert` took.
        return unsafe Unmanaged.passUnretained(greenlet)
    }

    package var all: [AnyGreenlet] {
        var result: [AnyGreenlet] = []
        result.reserveCapacity(count)
        var current = unsafe first
        while let link = unsafe current {
            let greenlet = unsafe link.takeUnretainedValue()
            result.append(greenlet)
            unsafe current = greenlet.nextLive
        }
        return result
    }
}
