// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// A greenlet that waits in a line without a future: the outcome is put on its stack.
///
/// It stands in line until somebody claims it, or until it leaves because it was interrupted; both happen under the line's
/// lock. Who has claimed it resumes it once, and it does not go on before.
@usableFromInline
@safe
// SAFETY: the place is on the stack of the greenlet, which does not leave its frame before it has left the line or was resumed,
// and a stack that is given up is kept. Whoever resumes it writes the outcome before, and touches nothing afterwards.
struct WaitingGreenlet<Value: Sendable>: @unchecked Sendable, Equatable {
    @usableFromInline
    struct Place {
        @usableFromInline let wait: _DirectWait
        @usableFromInline var outcome: Result<Value, any Error>?

        @inlinable
        init(_ wait: _DirectWait) { self.wait = wait }
    }

    @usableFromInline let place: UnsafeMutablePointer<Place>

    @inlinable
    init(at place: UnsafeMutablePointer<Place>) { unsafe self.place = unsafe place }

    @inlinable
    static func == (a: Self, b: Self) -> Bool { unsafe a.place == b.place }

    /// Puts the outcome where the greenlet finds it, and has it go on. From any thread.
    @inlinable
    @inline(__always)
    func resume(with outcome: Result<Value, any Error>, first: Bool) {
        let wait = unsafe place.pointee.wait
        unsafe place.pointee.outcome = outcome
        wait.resume(first: first)
    }

    /// On the greenlet, which stands in line: waits for the outcome.
    ///
    /// - Parameters:
    ///   - owner: Whose line it is.
    ///   - operation: What the greenlet wants there.
    ///   - leave: Leaves the line; false if the greenlet was claimed.
    @inlinable
    @inline(__always)
    func wait(in owner: _Node, for operation: String, leave: () -> Bool) throws -> Value {
        try unsafe place.pointee.wait.park(in: owner, for: operation, leave: leave)
        // Whoever resumed the greenlet has put it there.
        return try unsafe place.pointee.outcome!.get()
    }
}
