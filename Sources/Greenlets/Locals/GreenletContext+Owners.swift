// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CStackSwitch

extension Fiber {
    /// The context that the fiber sees; nil if it has set no variable. A main fiber's is that of its thread or greenlet
    /// (greenlet: gr_context).
    ///
    /// - Executor: The fiber's thread, whether it is pending, runs, is suspended or has ended; any when the thread has ended.
    /// - Errors: ``FiberError`` on another thread, where the fiber might be running.
    public var context: GreenletContext? {
        get throws {
            try core.checkContext()
            return core.ownStorage?.context
        }
    }

    /// Gives the fiber a context: an empty one, a copy of its own, or one that it shares. nil for an empty one of its own.
    ///
    /// - Executor: As ``context``.
    /// - Errors: As there.
    public func setContext(_ new: GreenletContext?) throws {
        try core.checkContext()
        if core.ownStorage == nil, new != nil { core.ownStorage = GreenletStorage() }
        core.ownStorage?.context = new
    }
}

extension FiberCore {
    fileprivate final func checkContext() throws {
        if host.isOver { return }
        guard unsafe sy_carrier_current() == host.carrier else {
            throw FiberError(.foreignThread, self, places: "\(host.place), and this is \(FiberHost.threadName)")
        }
    }
}

extension GreenletContext {
    /// The context that a greenlet sees; nil if it has set no variable (greenlet: gr_context).
    ///
    /// - Executor: The greenlet's thread, whether it is pending, runs, is parked or has ended.
    /// - Errors: ``GreenletMisuse`` on another thread, where the greenlet might be running.
    public static func of(_ greenlet: AnyGreenlet) throws -> GreenletContext? {
        try greenlet.checkContext()
        return greenlet.storage?.context
    }
}

extension AnyGreenlet {
    /// Gives the greenlet a context: an empty one, a copy of its own, or one that it shares. nil for an empty one of its own.
    ///
    /// - Executor: As ``GreenletContext/of(_:)``; see ``SpawnContext`` for one that it has from the start.
    /// - Errors: As there.
    public final func setContext(_ new: GreenletContext?) throws {
        try checkContext()
        take(new)
    }

    fileprivate final func checkContext() throws {
        // The hub of one that has ended may have gone.
        if isDead ? unsafe scheduler.pointee.isCurrent ?? false : isOnHub { return }
        throw GreenletMisuse(
            "the context of \(_summary) was asked for on another thread, which is \(FiberHost.threadName). Hand a"
                + " GreenletContext to spawn, and keep it: that may be used anywhere."
        )
    }

    private final func take(_ context: GreenletContext?) {
        if storage == nil, context != nil { storage = GreenletStorage() }
        storage?.context = context
    }

    /// Before it begins.
    @usableFromInline
    final func adopt(_ context: SpawnContext) {
        switch context {
        case .empty: break
        case .inherit: take(GreenletContext.current?.copy())
        case .share(let context): take(context)
        }
    }
}
