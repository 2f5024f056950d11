// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

package import Futures

/// What a hub of greenlets needs beyond `Loop`: a place in each turn.
package protocol TurnHosting: ExecutingLoop {
    /// The one object that lives on this loop (the hub); made by the first caller, kept until the loop is released.
    ///
    /// It must not hold the loop strongly.
    func attachment(_ make: () -> AnyObject) -> AnyObject

    /// Sets the call that is made once in each turn that `setNeedsTurn` asked for, after callbacks, timers and
    /// descriptors. While it returns true the loop does not sleep and calls it in every turn.
    ///
    /// - Executor: The hook runs on the loop, with no current task, on the loop's own stack. It is also called, until it
    ///   returns false, while the loop stops, after the `whenClosed` actions; then it is released.
    /// The other hook is called before a loop that its caller drives falls asleep with nothing of its own to wake it:
    /// nothing posted, no timer, no descriptor, and nobody registered for its end but the hub. It is given what the caller runs
    /// the loop for, nil if that is the loop's stop, and returns true if there is something to do now.
    ///
    /// - Returns: False if the loop has stopped.
    @discardableResult
    func attach(
        turnHook: @escaping @Sendable () -> Bool,
        stuckHook: @escaping @Sendable (_FutureCore?) -> Bool
    ) -> Bool

    /// Asks for the hook to be called in this turn or, after its place in the turn, in the next. On the loop only; two
    /// stores, no lock. Others post.
    func setNeedsTurn()

    /// The thread that ran the loop ends: has the loop, if nobody runs it, take a turn there for the sake of greenlets, which no
    /// other thread can run.
    ///
    /// - Parameter body: Called with the loop current, and with a function that runs what has been posted.
    func takeLastTurn(_ body: (_ runPosted: () -> Void) -> Void)

    /// The process is a forked child that has not made the loop its own.
    var isForked: Bool { get }
}

/// What lives on a loop, when the process turns out to be a forked child. Called on its only thread.
package protocol ForkedAttachment: AnyObject {
    /// Whether the loop may be re-initialised here.
    func prepareForTakeover() throws

    /// The loop is this process's own now.
    func takenOver(keeping policy: ForkPolicy)

    /// The loop goes on though it was not re-initialised, and is about to end: everything on it fails. On the loop's own stack.
    func endInForkedChild()
}

extension TurnHosting {
    /// The same for who never has anything to do about a loop that is stuck.
    @discardableResult
    package func attach(turnHook: @escaping @Sendable () -> Bool) -> Bool {
        attach(turnHook: turnHook, stuckHook: { _ in false })
    }
}
