// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// A greenlet that runs or waits, without a counted reference to it.
@usableFromInline
@safe
// SAFETY: a greenlet is alive while it runs and while it waits. It is handed down its own stack, and to who has claimed it and
// resumes it; whoever did that touches it no more.
package struct _BorrowedParker: @unchecked Sendable {
    @usableFromInline let reference: Unmanaged<_Parker>

    @inlinable
    init(_ reference: Unmanaged<_Parker>) { unsafe self.reference = unsafe reference }

    /// The greenlet that runs on the calling thread and may park.
    @inlinable package static var running: _BorrowedParker? {
        guard let parker = unsafe WaitContext.runningParker else { return nil }
        return unsafe _BorrowedParker(parker)
    }

    @inlinable
    package func park(in line: _Node) -> _ParkResult {
        // SAFETY: the caller holds the line.
        unsafe reference._withUnsafeGuaranteedRef { unsafe $0._park(in: .passUnretained(line)) }
    }

    /// Waits for who has claimed it, and has the next park end with the error instead.
    @usableFromInline
    package func parkUninterruptibly(postponing error: any Error) {
        unsafe reference._withUnsafeGuaranteedRef {
            $0._parkUninterruptibly()
            $0._postpone(error)
        }
    }

    /// - Parameter first: Whether it comes before those that are ready, if it belongs to the loop that runs here.
    @inlinable
    package func unpark(first: Bool) {
        unsafe reference._withUnsafeGuaranteedRef { first ? $0._unparkNext() : $0._unpark() }
    }

    @inlinable
    package func letOthersRun() { unsafe reference._withUnsafeGuaranteedRef { $0._letOthersRun() } }
}
