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
        @usableFromInline let parker: _BorrowedParker
        @usableFromInline var outcome: Result<Value, any Error>?

        @inlinable
        init(_ parker: _BorrowedParker) { self.parker = parker }
    }

    @usableFromInline let place: UnsafeMutablePointer<Place>

    @inlinable
    init(at place: UnsafeMutablePointer<Place>) { unsafe self.place = unsafe place }

    @inlinable
    static func == (a: Self, b: Self) -> Bool { unsafe a.place == b.place }

    /// Puts the outcome where the greenlet finds it, and has it go on. From any thread.
    @inlinable
    func resume(with outcome: Result<Value, any Error>, first: Bool) {
        let parker = unsafe place.pointee.parker
        unsafe place.pointee.outcome = outcome
        parker.unpark(first: first)
    }

    /// On the greenlet, which stands in line: waits for the outcome.
    ///
    /// - Parameters:
    ///   - owner: Whose line it is, for dumps.
    ///   - leave: Leaves the line; false if the greenlet was claimed.
    @inlinable
    func wait(in owner: _Node, leave: () -> Bool) throws -> Value {
        switch unsafe place.pointee.parker.park(in: owner) {
        case .unparked: break
        case .interrupted(let error), .refused(let error): try giveUp(error, leave)
        case .timedOut: preconditionFailure("a wait without a deadline has timed out")
        }
        // Whoever resumed the greenlet has put it there.
        return try unsafe place.pointee.outcome!.get()
    }

    /// What the greenlet was claimed for comes first; then the interruption keeps for the next wait (T24).
    @inlinable
    @inline(never)
    func giveUp(_ error: any Error, _ leave: () -> Bool) throws {
        if leave() { throw error }
        unsafe place.pointee.parker.parkUninterruptibly(postponing: error)
    }
}
