// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// Where results go, so that the optimiser keeps the work that made them.
///
/// The sum is in memory of its own: a stored property would have every row pay for an exclusivity check.
package final class Sink: @unchecked Sendable {  // SAFETY: every row uses its sink from one thread.
    @usableFromInline let cell: UnsafeMutablePointer<Int>

    package init() {
        cell = .allocate(capacity: 1)
        cell.pointee = 0
    }

    deinit { cell.deallocate() }

    @inlinable package var sum: Int {
        get { cell.pointee }
        set { cell.pointee = newValue }
    }
}
