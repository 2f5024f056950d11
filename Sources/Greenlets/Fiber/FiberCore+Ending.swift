// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
import CStackSwitch
import Futures

extension FiberCore {
    /// The nearest ancestor that has not ended.
    var heir: FiberCore {
        var ancestor = parentCore
        while let candidate = ancestor {
            if candidate.state != .dead { return candidate }
            ancestor = candidate.parentCore
        }
        return unsafe host.main
    }

    /// Ends a pending fiber with an error, which goes to its parent; pending parents end as well.
    ///
    /// - Returns: The ancestor that gets the error.
    func failUnstarted() -> FiberCore {
        var fiber = self
        while fiber.state == .pending {
            fiber.state = .dead
            fiber.dropBody()
            fiber = fiber.heir
        }
        return fiber
    }

    /// The last act on the fiber's stack: hands the outcome to the heir, to which control goes when the entry returns.
    final func finish<Message>(_ outcome: Result<Message, any Error>) {
        // What pending parents release may switch: while this fiber can still be resumed.
        if returnsTo == nil, case .failure = outcome { _ = heir.failUnstarted() }
        // While what ends with it may still switch.
        if storage != nil { endStorage() }
        state = .dead
        host.ended(self)
        let target: FiberCore
        if let returnsTo {
            target = returnsTo
            if case .failure(let error) = outcome, !(error is GreenletExit) {
                Reporter.report(.message("\(summary) ended with an error while it was being unwound: \(error)"))
            }
        } else {
            target = deliver(outcome)
        }
        // This fiber, which keeps its heir alive, stays until that runs.
        host.previous = self
        returnsTo = nil
        host.adoptJob(target)
        unsafe sy_context_set_exit_target(context!, target.context!, nil)
    }

    final func endStorage() {
        storage?.end()
        if storage?.context == nil { storage = nil }
    }

    private final func deliver<Message>(_ outcome: Result<Message, any Error>) -> FiberCore {
        switch outcome {
        case .success(let message):
            var target = heir
            do {
                try target.prepare(for: Message.self, from: self)
                target.put(message)
            } catch {
                // A parent that cannot start stays pending; its own parent is told why (greenlet: the same).
                while target.state == .pending { target = target.heir }
                target.arrival = .failure(error)
            }
            return target
        case .failure(let error):
            let target = heir.failUnstarted()
            target.arrival = error is GreenletExit ? .exited(self) : .failure(error)
            return target
        }
    }

    /// Knows its parent, but keeps it no longer. Of one that has ended: after its heir, which the parent may be, was resumed.
    final func forgetParent() {
        guard let parent else { return }
        formerParent = parent.core
        self.parent = nil
    }

    /// The same for all that ended together because they had not begun.
    final func forgetParents() {
        var fiber = self
        while fiber.state == .dead, unsafe fiber.context == nil, let parent = fiber.parent?.core {
            fiber.forgetParent()
            fiber = parent
        }
    }

    /// Lets go of a row of parents that nobody else knows, one after the other: each would release the next on its stack.
    final func releaseParents() {
        var former = formerParent
        formerParent = nil
        while isKnownUniquelyReferenced(&former), let core = former {
            let next = core.formerParent
            core.formerParent = nil
            former = next
        }
        var handle = parent
        parent = nil
        while isKnownUniquelyReferenced(&handle), let core = handle?.core, core.state != .active,
            unsafe core.context == nil
        {
            let next = core.parent
            core.parent = nil
            handle = next
        }
    }

    /// From another stack, after the fiber has ended.
    final func releaseStack() {
        guard let context = unsafe context else { return }
        unsafe self.context = nil
        unsafe Hub.destroy(context)
        forgetParent()
    }

    /// Gives up on a fiber that refuses to unwind.
    final func abandon() {
        guard let context = unsafe context else { return }
        state = .dead
        host.ended(self)
        unsafe self.context = nil
        unsafe sy_context_abandon(context)
    }

    /// Suspended, and nobody can resume it any more.
    final var isUnreachable: Bool { state == .active && handle == nil && returnsTo == nil && !isMain && !isRunning }

    /// From any thread.
    final func handleDropped() {
        if isMain || host.isOver { return }
        if let here = FiberHost.existingFiber, here.host === host {
            if isUnreachable { host.unwind(self, from: here) }
        } else {
            host.drop(self)
        }
    }
}
