// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// All greenlets that have not ended, in the order they were spawned; it owns them. Insertion and removal are O(1).
package struct LiveList {
    private var first: AnyGreenlet?
    private unowned(unsafe) var last: AnyGreenlet?
    package private(set) var count = 0

    package var isEmpty: Bool { count == 0 }

    mutating func insert(_ greenlet: AnyGreenlet) {
        unsafe greenlet.previousLive = last
        if let last = unsafe last { unsafe last.nextLive = greenlet } else { first = greenlet }
        unsafe last = greenlet
        count += 1
        unsafe greenlet.isListed = true
    }

    /// The caller holds the greenlet, or does not touch it any more.
    mutating func remove(_ greenlet: AnyGreenlet) {
        guard unsafe greenlet.isListed else { return }
        unsafe greenlet.isListed = false
        let next = unsafe greenlet.nextLive
        let previous = unsafe greenlet.previousLive
        unsafe greenlet.nextLive = nil
        unsafe greenlet.previousLive = nil
        if let next { unsafe next.previousLive = previous } else { unsafe last = previous }
        if let previous { unsafe previous.nextLive = next } else { first = next }
        count -= 1
    }

    package var all: [AnyGreenlet] {
        var result: [AnyGreenlet] = []
        result.reserveCapacity(count)
        var current = first
        while let greenlet = current {
            result.append(greenlet)
            current = unsafe greenlet.nextLive
        }
        return result
    }
}
