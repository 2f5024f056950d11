// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
import CStackSwitch
import Futures

/// Who runs: whose greenlet-local values and context the code sees.
enum ExecutionPlace {
    case greenlet(AnyGreenlet)
    /// Also the main one of a thread that has fibers.
    case fiber(FiberCore)
    /// A plain thread without fibers.
    case thread
    /// A task outside of every greenlet. It may go on on any thread, and has values of its own, `@TaskLocal`.
    case task

    static var current: ExecutionPlace {
        let task = unsafe sy_current_task()
        let fiber = FiberHost.existingFiber
        if let fiber, !fiber.isMain { return unsafe fiber.isPart(of: task) ? .fiber(fiber) : .task }
        let words = unsafe sy_thread_current()
        if let parker = unsafe words.pointee.parker {
            guard unsafe words.pointee.task == task else { return .task }
            // SAFETY: the greenlet that runs is alive.
            return unsafe .greenlet(Unmanaged<AnyGreenlet>.fromOpaque(parker).takeUnretainedValue())
        }
        if unsafe task != nil { return .task }
        return fiber.map { .fiber($0) } ?? .thread
    }

    /// nil where there is none: in a task, and for who has ended.
    func storage(making: Bool) -> GreenletStorage? {
        switch self {
        case .greenlet(let greenlet):
            if making, greenlet.storage == nil, unsafe greenlet.state != .dead { greenlet.storage = GreenletStorage() }
            return greenlet.storage
        case .fiber(let fiber):
            fiber.host.localMail.open()
            if making, fiber.storage == nil, fiber.state != .dead { fiber.storage = GreenletStorage() }
            return fiber.storage
        case .thread:
            let storage = GreenletStorage.ofThread(making: making)
            storage?.mail?.open()
            return storage
        case .task: return nil
        }
    }

    /// How values that are kept here are reached from elsewhere.
    func home(of storage: GreenletStorage) -> LocalHome {
        switch self {
        case .greenlet(let greenlet): return unsafe .hub(greenlet.scheduler)
        case .fiber(let fiber):
            if let greenlet = fiber.host.greenlet { return unsafe .hub(greenlet.scheduler) }
            return .thread(fiber.host.localMail)
        case .thread, .task: return storage.mail.map { .thread($0) } ?? .nowhere
        }
    }
}

extension FiberCore {
    /// The job that runs is the one in which the fiber was resumed, not another one on top of it.
    fileprivate final func isPart(of task: UnsafeRawPointer?) -> Bool {
        guard let context = unsafe context, unsafe sy_carrier_task_word(host.carrier) != nil else { return true }
        return unsafe UnsafeRawPointer(sy_context_runtime_words(context).task) == task
    }

    /// The fiber's, or that of the greenlet whose own stack it stands for.
    final var ownStorage: GreenletStorage? {
        get { if isMain, let greenlet = host.greenlet { greenlet.storage } else { storage } }
        set { if isMain, let greenlet = host.greenlet { greenlet.storage = newValue } else { storage = newValue } }
    }
}

extension FiberHost {
    /// The greenlet whose stack the fibers stand on; nil on a thread's own, and when that greenlet has ended.
    var greenlet: AnyGreenlet? {
        guard !isOver, let context = unsafe mainFiber.context, let parker = unsafe sy_context_user_word(context, 1)
        else { return nil }
        // SAFETY: a greenlet lives as long as its stack.
        return unsafe Unmanaged<AnyGreenlet>.fromOpaque(parker).takeUnretainedValue()
    }

    /// Where values of the thread's fibers are asked back.
    var localMail: LocalMail { thread.localMail }
}
