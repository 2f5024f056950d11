// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// A greenlet that runs, and may wait for an operation itself instead of having it make a future.
@usableFromInline
@safe
// SAFETY: a greenlet is alive while it runs and while it waits. This is handed down its own stack, and to who has claimed the
// greenlet and resumes it; whoever did that touches it no more.
package struct _DirectWait: @unchecked Sendable {
    @usableFromInline let greenlet: Unmanaged<_Parker>
    /// How long it may wait; nil is for ever.
    @usableFromInline let timeout: Duration?

    /// Who is about to wait: nil for a plain thread; throws where a wait could never end.
    @inlinable
    package init?(timeout: Duration?) throws {
        guard let greenlet = unsafe WaitContext.runningParker else {
            try WaitContext.refuseIfNeeded()
            return nil
        }
        unsafe self.greenlet = unsafe greenlet
        self.timeout = timeout
    }

    /// Waits in a line.
    ///
    /// - Parameters:
    ///   - line: Whose line it is; the caller holds it.
    ///   - operation: What the greenlet wants there, for an error: `a get`.
    ///   - leave: Leaves the line; false if somebody has claimed the greenlet and is about to resume it. That comes first,
    ///     and an interruption then keeps for the next wait (T24).
    @inlinable
    package func park(in line: _Node, for operation: String, leave: () -> Bool) throws {
        let deadline = timeout == nil ? nil : deadline
        let result = unsafe greenlet._withUnsafeGuaranteedRef {
            // SAFETY: held by the caller.
            unsafe $0._park(in: .passUnretained(line), until: deadline)
        }
        if case .unparked = result { return }
        try giveUp(result, line, operation, leave)
    }

    @usableFromInline var deadline: LoopInstant? {
        unsafe greenlet._withUnsafeGuaranteedRef { greenlet in timeout.map { greenlet._clock.now.advanced(by: $0) } }
    }

    @usableFromInline
    func giveUp(_ result: _ParkResult, _ line: _Node, _ operation: String, _ leave: () -> Bool) throws {
        let hasLeft = leave()
        if !hasLeft { unsafe greenlet._withUnsafeGuaranteedRef { $0._parkUninterruptibly() } }
        switch result {
        case .unparked: return
        case .timedOut:
            guard hasLeft else { return }
            let operation = "\(operation) on \(line._summary)"
            throw TimedOut(after: timeout ?? .zero, waitingFor: operation, cancelling: true)
        case .interrupted(let error), .refused(let error):
            if hasLeft { throw error }
            unsafe greenlet._withUnsafeGuaranteedRef { $0._postpone(error) }
        }
    }

    /// Has it go on, after it was claimed. From any thread.
    ///
    /// - Parameter first: Whether it comes before those that are ready, if it belongs to the loop that runs here.
    @inlinable
    package func resume(first: Bool) {
        unsafe greenlet._withUnsafeGuaranteedRef { first ? $0._unparkNext() : $0._unpark() }
    }

    /// Has the greenlets that `body` resumes come before those that are ready.
    @inlinable
    package func resumingFirst(_ body: () -> Void) {
        unsafe greenlet._withUnsafeGuaranteedRef { $0._wakingNext(body) }
    }

    /// Has those run who are ready.
    @inlinable
    package func letOthersRun() { unsafe greenlet._withUnsafeGuaranteedRef { $0._letOthersRun() } }
}
