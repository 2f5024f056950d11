// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// A variable whose value is that of the calling greenlet's, fiber's or thread's ``GreenletContext`` (Python:
/// contextvars.ContextVar).
///
///     let user = ContextVariable("user", default: "nobody")
///     user.value = "ada"
///     Greenlet.spawn { user.value }                        // nobody
///     Greenlet.spawn(context: .inherit) { user.value }     // ada
///
/// - Executor: Any thread.
public struct ContextVariable<Value: Sendable>: Sendable {
    let number = LocalNumbers.next()
    /// For diagnostics.
    public let name: String
    /// What it is where nobody has set it.
    public let defaultValue: Value

    /// Makes a variable, different from all others, also from those of the same name.
    public init(_ name: String, default value: Value) {
        self.name = name
        defaultValue = value
    }

    /// The value in the current context. Setting it makes a context where there is none yet; a task outside of every greenlet
    /// has none, and what it sets is lost and reported.
    public var value: Value {
        get { GreenletContext.current?[self] ?? defaultValue }
        nonmutating set {
            guard let storage = ExecutionPlace.current.storage(making: true) else {
                Reporter.report(
                    .message(
                        """
                        The ContextVariable "\(name)" was set in a task outside of every greenlet, and the value is lost. Bind \
                        a @TaskLocal there, or run the code by Greenlet.run.
                        """
                    )
                )
                return
            }
            let context = storage.context ?? GreenletContext()
            storage.context = context
            context[self] = newValue
        }
    }

    /// The default counts again in the current context.
    public func reset() { GreenletContext.current?.removeValue(of: self) }
}

/// The context that a new greenlet has.
public enum SpawnContext: Sendable {
    /// An empty one of its own (greenlet: the same).
    case empty
    /// One of its own with the values that the spawner sees now (gevent: what spawn does).
    case inherit
    /// This very one: whoever shares it sees what the greenlet sets. A copy of one is only the greenlet's.
    case share(GreenletContext)
}
