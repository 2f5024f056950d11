// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// One who waits: a future of the value, or of something that is made of it.
struct Waiter<Value: Sendable>: Sendable {
    let future: _FutureCore
    private let settling: (@Sendable (Result<Value, any Error>) -> Void)?

    init(_ future: Future<Value>) {
        self.future = future
        settling = nil
    }

    /// - Parameter settling: Settles the future, which has been claimed.
    init(_ future: _FutureCore, settling: @escaping @Sendable (Result<Value, any Error>) -> Void) {
        self.future = future
        self.settling = settling
    }

    /// After the future was claimed, with no lock held.
    func settle(_ outcome: Result<Value, any Error>) {
        if let settling { return settling(outcome) }
        // SAFETY: the one initialiser that sets no closure takes a future of this type.
        let future = unsafe unsafeDowncast(future, to: Future<Value>.self)
        switch outcome {
        case .success(let value): future._settle(value: value)
        case .failure(let error): future._settle(error: error)
        }
    }
}

/// Those who wait in line for what the owner has to give; touched under the owner's lock.
///
/// Who gives something takes a waiter out *and* claims its future in one step: from then on the outcome is that future's,
/// whoever leaves meanwhile. A future whose cancellation was asked for cannot be claimed. So nothing is lost between (T24).
struct WaitLine<Value: Sendable, Extra: Sendable>: Sendable {
    private var line = _Ring<(waiter: Waiter<Value>, extra: Extra)>()

    var count: Int { line.count }
    var isEmpty: Bool { line.isEmpty }

    mutating func append(_ waiter: Waiter<Value>, _ extra: Extra) { line.append((waiter, extra)) }

    /// The first that still waits, claimed: the caller has to settle it, when the lock is released.
    mutating func popClaimed() -> (waiter: Waiter<Value>, extra: Extra)? {
        while let entry = line.popFirst() {
            if entry.waiter.future._claimUnlessCancelled() { return entry }
        }
        return nil
    }

    /// All that still wait, claimed.
    mutating func popAllClaimed() -> [Waiter<Value>] {
        line.removeAll().map(\.waiter).filter { $0.future._claimUnlessCancelled() }
    }

    /// Takes out one that was cancelled, or found something elsewhere; nil if it is not there any more.
    mutating func remove(_ future: _FutureCore) -> Extra? {
        line.removeFirst { $0.waiter.future === future }?.extra
    }
}

extension WaitLine where Extra == Void {
    mutating func append(_ waiter: Waiter<Value>) { append(waiter, ()) }
}
