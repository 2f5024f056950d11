// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// Values of ``ContextVariable``s, which a greenlet, fiber or thread sees as its own (Python: contextvars.Context).
///
/// Each has a context of its own, which is empty at first, and made when a variable is set. Code may run in another one for a
/// while, and greenlets may share one: what one of them sets the others see then.
///
/// A task outside of every greenlet has none: there all variables have their defaults. See `@TaskLocal`, and
/// ``/Futures/ContextSnapshot``.
///
/// - Executor: Any thread; it may be shared between threads.
public final class GreenletContext: Sendable {
    private let values: Lock<[UInt64: any Sendable]>

    /// Makes an empty context.
    public convenience init() { self.init([:]) }

    private init(_ values: [UInt64: any Sendable]) { self.values = Lock(values) }

    /// A context with the same values, which changes by itself from then on.
    ///
    /// - Complexity: O(1); the first change of either is O(values).
    public func copy() -> GreenletContext { GreenletContext(values.withLock { $0 }) }

    /// The context of the calling greenlet, fiber or thread; nil if it has set no variable, and in a task outside of greenlets.
    public static var current: GreenletContext? { ExecutionPlace.current.storage(making: false)?.context }

    /// Runs code that sees this context instead of the caller's, up to its end.
    ///
    /// Greenlets that the code spawns do not, unless they inherit or share it. It may run in several places at once.
    ///
    /// - Errors: The code's. In a task outside of greenlets, where the code runs without, that is reported.
    public func run<R>(_ body: () throws -> R) rethrows -> R {
        guard let storage = ExecutionPlace.current.storage(making: true) else {
            Reporter.report(
                .message(
                    "GreenletContext.run was called in a task outside of every greenlet, which has no context: the code ran with"
                        + " the defaults of all variables. Bind @TaskLocals there, or run the code by Greenlet.run."
                )
            )
            return try body()
        }
        let outer = storage.context
        storage.context = self
        defer { storage.context = outer }
        return try body()
    }

    /// The value of a variable here, or its default.
    public subscript<Value>(variable: ContextVariable<Value>) -> Value {
        get {
            // SAFETY: a number is that of one variable, whose values are of one type.
            guard let value = values.withLock({ $0[variable.number] }) else { return variable.defaultValue }
            return value as! Value
        }
        set { set(newValue, for: variable.number) }
    }

    /// The variable has its default here from now on.
    public func removeValue<Value>(of variable: ContextVariable<Value>) { set(nil, for: variable.number) }

    private func set(_ value: (any Sendable)?, for number: UInt64) {
        // What is released may use the context.
        let old = values.withLock { values in
            defer { values[number] = value }
            return values[number]
        }
        withExtendedLifetime(old) {}
    }
}
