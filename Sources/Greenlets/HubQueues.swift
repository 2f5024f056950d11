// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// Ready greenlets, first in first out: a ring of unowned references, each kept alive by its place in the live list.
@safe
struct ReadyQueue: ~Copyable {
    private var items: UnsafeMutablePointer<Unmanaged<AnyGreenlet>>
    private var head = 0
    private var count = 0
    private var mask: Int

    init() {
        unsafe items = .allocate(capacity: 64)
        mask = 63
    }

    deinit { unsafe items.deallocate() }

    var isEmpty: Bool { count == 0 }

    mutating func push(_ greenlet: AnyGreenlet) {
        if count > mask { grow() }
        // SAFETY: a greenlet in this queue is in the hub's live list, which owns it.
        unsafe (items + ((head + count) & mask)).initialize(to: .passUnretained(greenlet))
        count += 1
    }

    mutating func pop() -> AnyGreenlet? {
        if count == 0 { return nil }
        let greenlet = unsafe items[head].takeUnretainedValue()
        head = (head + 1) & mask
        count -= 1
        return greenlet
    }

    private mutating func grow() {
        let capacity = (mask + 1) * 2
        let bigger = UnsafeMutablePointer<Unmanaged<AnyGreenlet>>.allocate(capacity: capacity)
        for index in 0..<count { unsafe (bigger + index).initialize(to: items[(head + index) & mask]) }
        unsafe items.deallocate()
        unsafe items = bigger
        head = 0
        mask = capacity - 1
    }
}

/// All greenlets that have not ended, in the order they were spawned; it owns them. Insertion and removal are O(1).
package struct LiveList {
    private var first: AnyGreenlet?
    private unowned(unsafe) var last: AnyGreenlet?
    package private(set) var count = 0

    package var isEmpty: Bool { count == 0 }

    mutating func insert(_ greenlet: AnyGreenlet) {
        unsafe greenlet.previousLive = last
        if let last = unsafe last { last.nextLive = greenlet } else { first = greenlet }
        unsafe last = greenlet
        count += 1
        greenlet.isListed = true
    }

    /// The caller holds the greenlet, or does not touch it any more.
    mutating func remove(_ greenlet: AnyGreenlet) {
        guard greenlet.isListed else { return }
        greenlet.isListed = false
        let next = greenlet.nextLive
        let previous = greenlet.previousLive
        greenlet.nextLive = nil
        greenlet.previousLive = nil
        if let next { next.previousLive = previous } else { unsafe last = previous }
        if let previous { previous.nextLive = next } else { first = next }
        count -= 1
    }

    package var all: [AnyGreenlet] {
        var result: [AnyGreenlet] = []
        result.reserveCapacity(count)
        var current = first
        while let greenlet = current {
            result.append(greenlet)
            current = greenlet.nextLive
        }
        return result
    }
}
