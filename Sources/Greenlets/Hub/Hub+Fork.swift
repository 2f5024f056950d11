// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CStackSwitch
import Futures
package import Loops

/// What becomes of greenlets in a forked child, where one thread is left. Those whose stacks belong to it can go on or be
/// unwound; all others are given up by name.
extension Hub: ForkedAttachment {
    /// How many greenlets a report names.
    private static var namesInReport: Int { 5 }

    package func prepareForTakeover() throws {
        guard sy_engine_get() == SY_ENGINE_THREADS, isOnItsThread, let carrier = unsafe carrier else { return }
        if unsafe sy_carrier_running(carrier) == sy_carrier_root(carrier) { return }
        throw GreenletMisuse(
            """
            loop "\(name)" was to be re-initialised in a child that was forked inside a greenlet, and with \
            SWITCHYARD_ENGINE=threads the loop's own stack is a thread, which the child does not have. Fork outside of \
            greenlets, or with the other engine.
            """
        )
    }

    package func takenOver(keeping policy: ForkPolicy) {
        if !isClosed || ending != .loopStopped { reopen() }
        giveUpLost()
        if unsafe live.isEmpty { return }
        if isCurrent { return settle(policy) }
        send { [self] in settle(policy) }
    }

    package func endInForkedChild() {
        giveUpLost()
        end(because: .forked) { turnHosting?.isForked == true && closingTurn() }
    }

    /// Greenlets of which this process does not have the thread, or the task that enters the stack.
    private func giveUpLost() {
        let running = unsafe WaitContext.parkerOfThread?.toOpaque()
        let isStackless = !isOnItsThread || sy_engine_get() == SY_ENGINE_THREADS
        let lost = unsafe live.all.filter { greenlet in
            guard unsafe greenlet.state == .started, unsafe greenlet.context != nil else { return false }
            // SAFETY: identity only.
            if unsafe Unmanaged.passUnretained(greenlet).toOpaque() == running {
                (greenlet as? Portal)?.isLost = true
                return false
            }
            return isStackless || greenlet.isHosted
        }
        if lost.isEmpty { return }
        if isStackless {
            unsafe scheduler.pointee.forgetStacks()
            for greenlet in unsafe live.all where unsafe greenlet.state == .pending {
                unsafe scheduler.pointee.push(starting: greenlet)
            }
        }
        let names = lost.prefix(Self.namesInReport).map(\._summary).joined(separator: ", ")
        let others = lost.count > Self.namesInReport ? " and \(lost.count - Self.namesInReport) others" : ""
        Reporter.report(
            .message(
                """
                in this forked child \(names)\(others) on loop "\(name)" cannot go on: the thread or the task that entered \
                their stacks is in the parent process. They end with LoopForked; their stacks are kept, and what they hold leaks.
                """
            )
        )
        for greenlet in lost {
            giveUp(greenlet)
            greenlet.endInForkedChild(forkedError(greenlet))
        }
    }

    /// On the loop: the greenlets that could go on do, or unwind.
    private func settle(_ policy: ForkPolicy) {
        let running = unsafe WaitContext.parkerOfThread?.toOpaque()
        // SAFETY: identity only.
        for greenlet in unsafe live.all where unsafe Unmanaged.passUnretained(greenlet).toOpaque() != running {
            switch policy {
            case .nothing: greenlet.interrupt(forkedError(greenlet))
            case .greenlets:
                // What a thread of the parent was to complete never is.
                do { try greenlet.askWhetherWaitCanEnd() } catch { greenlet.interrupt(error) }
            }
        }
        if unsafe !scheduler.pointee.isEmpty { requestTurn() }
    }

    /// Why the loop, which the caller holds, has refused a greenlet.
    func refusal(of greenlet: AnyGreenlet) -> any Error {
        turnHosting?.isForked == true ? forkedError(greenlet) : closedError(greenlet)
    }

    func forkedError(_ greenlet: AnyGreenlet) -> LoopForked {
        LoopForked(loop: name, operation: "the greenlet \(greenlet.displayName)")
    }
}

extension AnyGreenlet {
    fileprivate final func askWhetherWaitCanEnd() throws {
        guard unsafe isParked, let source = unsafe waitsFor?.takeUnretainedValue() as? _FutureCore else { return }
        try source._whileBlocking {}
    }
}
