// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// One who waits.
@usableFromInline
enum Waiter<Value: Sendable>: Sendable {
    case future(Future<Value>)
    /// A future of something that is made of the value, and what settles it when it has been claimed.
    case selection(_FutureCore, settling: @Sendable (Result<Value, any Error>) -> Void)
    case greenlet(WaitingGreenlet<Value>)

    /// In line, under its lock: takes the right to settle. False if the waiter is about to leave.
    @inlinable
    func claim() -> Bool {
        switch self {
        case .future(let future): future._claimUnlessCancelled()
        case .selection(let future, _): future._claimUnlessCancelled()
        // It leaves under the same lock, so it waits while it is in line.
        case .greenlet: true
        }
    }

    /// After the claim, with no lock held.
    ///
    /// - Parameter first: Whether a greenlet of the loop that runs here comes before those that are ready.
    @inlinable
    func settle(_ outcome: Result<Value, any Error>, first: Bool = false) {
        switch self {
        case .greenlet(let greenlet): greenlet.resume(with: outcome, first: first)
        case .selection(_, let settling): settling(outcome)
        case .future(let future):
            switch outcome {
            case .success(let value): future._settle(value: value)
            case .failure(let error): future._settle(error: error)
            }
        }
    }

    @inlinable
    func isOf(_ future: _FutureCore) -> Bool {
        switch self {
        case .future(let own): own === future
        case .selection(let own, _): own === future
        case .greenlet: false
        }
    }
}
