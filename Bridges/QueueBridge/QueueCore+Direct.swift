// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

// What waits without a future: greenlets, and whoever need not wait.

extension QueueCore {
    /// Puts an element; nil if that has to wait, and no greenlet was given that does.
    @inlinable
    func put(_ element: Element, waiting parker: _BorrowedParker?) throws -> Void? {
        guard let parker else { return try tryPut(element) ? () : nil }
        var place = WaitingGreenlet<Void>.Place(parker)
        return try unsafe withUnsafeMutablePointer(to: &place) { place in
            let greenlet = unsafe WaitingGreenlet(at: place)
            let put = state.withLock { state in
                let put = state.put(element)
                if case .full = put { state.wait(.greenlet(greenlet), with: element) }
                return put
            }
            switch put {
            case .accepted(let settlement): settle(settlement)
            case .refused: throw QueueClosed(name, "a put")
            case .full: try greenlet.wait(in: self) { state.withLock { $0.leave(putter: greenlet) } != nil }
            }
        }
    }

    /// Takes the next element; nil if that has to wait, and no greenlet was given that does.
    @inlinable
    func get(waiting parker: _BorrowedParker?) throws -> Element? {
        guard let parker else { return try tryGet() }
        var place = WaitingGreenlet<Element>.Place(parker)
        return try unsafe withUnsafeMutablePointer(to: &place) { place in
            let greenlet = unsafe WaitingGreenlet(at: place)
            let get = state.withLock { state in
                let get = state.get()
                if case .empty = get { state.wait(.greenlet(greenlet)) }
                return get
            }
            switch get {
            case .element(let element, let settlement):
                settle(settlement)
                return element
            case .refused: throw QueueClosed(name, "a get")
            case .empty: return try greenlet.wait(in: self) { state.withLock { $0.leave(getter: greenlet) } }
            }
        }
    }
}
