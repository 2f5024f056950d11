// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// One who waits. A waiter in line owns its reference; who takes it out settles it, or drops it.
///
/// The references are not counted by the compiler, so that a waiter and all that contains one is copied like a number.
@usableFromInline
@safe
// SAFETY: what is referred to is Sendable, and alive until the waiter was settled or dropped, which happens once.
enum Waiter<Value: Sendable>: @unchecked Sendable {
    case future(Unmanaged<Future<Value>>)
    case selection(Unmanaged<SelectionWaiter<Value>>)
    case greenlet(WaitingGreenlet<Value>)

    @inlinable
    init(_ future: Future<Value>) { self = unsafe .future(.passRetained(future)) }

    init(_ selection: SelectionWaiter<Value>) { self = unsafe .selection(.passRetained(selection)) }

    /// In line, under its lock: takes the right to settle. False if the waiter is about to leave.
    @inlinable
    @inline(__always)
    func claim() -> Bool {
        switch self {
        case .future(let future): unsafe future._withUnsafeGuaranteedRef { $0._claimUnlessCancelled() }
        case .selection(let selection): unsafe selection._withUnsafeGuaranteedRef { $0.future._claimUnlessCancelled() }
        // It leaves under the same lock, so it waits while it is in line.
        case .greenlet: true
        }
    }

    /// After the claim, with no lock held.
    ///
    /// - Parameter host: The greenlet that runs, and has one of the same loop come before those that are ready.
    @inlinable
    @inline(__always)
    func settle(_ outcome: Result<Value, any Error>, firstOn host: _DirectWait? = nil) {
        if case .greenlet(let greenlet) = self {
            greenlet.resume(with: outcome, first: host != nil)
        } else if let host {
            host.resumingFirst { settleFuture(outcome) }
        } else {
            settleFuture(outcome)
        }
    }

    @inlinable
    @inline(never)
    func settleFuture(_ outcome: Result<Value, any Error>) {
        switch self {
        case .greenlet: break
        case .selection(let selection): unsafe selection.takeRetainedValue().settling(outcome)
        case .future(let future):
            let future = unsafe future.takeRetainedValue()
            switch outcome {
            case .success(let value): future._settle(value: value)
            case .failure(let error): future._settle(error: error)
            }
        }
    }

    /// Taken out of the line, and not to be settled.
    ///
    /// - Returns: What it owned, to be released when nothing is locked.
    @inlinable
    func drop() -> AnyObject? {
        switch self {
        case .greenlet: nil
        case .selection(let selection): unsafe selection.takeRetainedValue()
        case .future(let future): unsafe future.takeRetainedValue()
        }
    }

    func isOf(_ future: _FutureCore) -> Bool {
        switch self {
        case .future(let own): unsafe own._withUnsafeGuaranteedRef { $0 === future }
        case .selection(let own): unsafe own._withUnsafeGuaranteedRef { $0.future === future }
        case .greenlet: false
        }
    }
}

/// A selection in a line: its future, and what settles that when it has been claimed.
@usableFromInline
final class SelectionWaiter<Value: Sendable>: Sendable {
    @usableFromInline let future: _FutureCore
    @usableFromInline let settling: @Sendable (Result<Value, any Error>) -> Void

    init(_ future: _FutureCore, settling: @escaping @Sendable (Result<Value, any Error>) -> Void) {
        self.future = future
        self.settling = settling
    }
}
