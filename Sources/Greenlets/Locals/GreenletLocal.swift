// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures
import Synchronization

/// A value of which each greenlet, each fiber and each plain thread has its own (gevent: local; greenlet: attributes).
///
///     let connection = GreenletLocal { Connection(to: server) }
///     Greenlet.spawn { try connection.value.send(request) }     // a connection of this greenlet's own
///     Greenlet.spawn { try connection.value.send(request) }     // another one
///
/// A value is made where it is first asked for, and released on its owner's thread: when the greenlet, fiber or thread ends,
/// right after its outcome, though somebody keeps its handle; or when the local is released, at once for values that belong to
/// the thread which does that, soon for those of a hub's greenlets, and for those of another plain thread and its fibers when
/// that uses a local again. A portal (`Greenlet.run`) is a greenlet; an async function that it awaits is outside of it.
///
/// A task outside of every greenlet has no value of its own: it gets an initial one each time, and what it sets is lost and
/// reported. The same goes for who has ended, in the `deinit` of a value. Bind a `@TaskLocal` there.
///
/// - Executor: Any thread.
/// - Complexity: A look into a table; nothing for greenlets that use no local.
public final class GreenletLocal<Value>: @unchecked Sendable {  // SAFETY: immutable.
    // The values stay on the threads of their owners, and the function that makes them may run on any.
    private let number = LocalNumbers.next()
    private let registry = LocalRegistry()
    private let initial: @Sendable () -> Value
    private let origin: SourceSite

    /// Makes a local.
    ///
    /// - Parameter initial: Makes the value of who asks for the first time, and has set none. It may wait.
    public init(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ initial: @escaping @Sendable () -> Value
    ) {
        self.initial = initial
        origin = SourceSite(fileID: fileID, line: line)
    }

    deinit { registry.close(number) }

    /// The value of the calling greenlet, fiber or thread.
    ///
    /// It is taken and replaced as a whole: a change in place reads, changes a copy and sets, so that no access is open while
    /// the greenlet is parked.
    public var value: Value {
        get {
            if let slot = slot(in: .current) { return slot.value }
            // May wait, and use other locals, and fibers.
            let value = initial()
            _ = keep(value)
            return value
        }
        set {
            if let slot = slot(in: .current) {
                // Whatever ends with it is not to find the slot in use.
                let old = slot.value
                slot.value = newValue
                withExtendedLifetime(old) {}
            } else if !keep(newValue) {
                Reporter.report(
                    .message(
                        """
                        The GreenletLocal made at \(origin) was set in a task outside of every greenlet, or by one that had \
                        ended, and the value is lost. Bind a @TaskLocal there, or run the code by Greenlet.run.
                        """
                    )
                )
            }
        }
    }

    /// Releases the value of the calling greenlet, fiber or thread; the next look makes one anew.
    public func reset() { _ = ExecutionPlace.current.storage(making: false)?.remove(number) }

    private func slot(in place: ExecutionPlace) -> ValueSlot<Value>? {
        // SAFETY: the number is this local's, which makes slots of this type only.
        place.storage(making: false)?.slot(of: number).map { unsafe unsafeDowncast($0, to: ValueSlot<Value>.self) }
    }

    /// False if there is nobody to keep it.
    private func keep(_ value: Value) -> Bool {
        let place = ExecutionPlace.current
        guard let storage = place.storage(making: true) else { return false }
        return storage.insert(ValueSlot(value, registry), for: number, at: place.home(of: storage))
    }
}

private final class ValueSlot<Value>: LocalSlot {
    var value: Value

    init(_ value: Value, _ registry: LocalRegistry) {
        self.value = value
        super.init(registry)
    }
}

/// Numbers of locals and of variables of contexts. None is used twice.
enum LocalNumbers {
    private static let last = Atomic<UInt64>(0)

    static func next() -> UInt64 { last.wrappingAdd(1, ordering: .relaxed).newValue }
}
