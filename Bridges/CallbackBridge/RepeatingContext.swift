// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// A handler on its way through C: the `void *context` of a callback that is called any number of times.
///
///     let ticks = RepeatingContext<Int>.untilRemoved(on: loop) { tick in … }
///     let id = clock_add({ tick, context in RepeatingContext<Int>.call(context, with: Int(tick)) }, ticks.pointer)
///     …
///     clock_remove(id)
///     ticks.remove()
///
/// *Ownership.* The context owns the handler, and what that captures, until it ends. Who ends it is spelled:
///
/// - ``untilRemoved(on:_:)``: Swift owns the context. ``remove()`` ends it, after C was told to stop; a call after that is
///   absorbed and reported.
/// - ``untilDestroyed(on:_:)``: C owns the context, and ends it with the destructor it was given, which calls
///   ``destroy(_:fileID:line:)``. Until then C may call: after ``remove()`` such calls are absorbed in silence. A call after
///   the destructor is absorbed and reported.
///
/// A context that nobody ends is kept for ever, as C code asks of it: if C refuses a registration, end the context. For a
/// callback that is called once see ``CallbackContext``.
///
/// *Memory.* The pointer is a ticket, not an address: it is looked up, never followed. A call after the end and a wrong type
/// are reports, not corruption.
///
/// - Executor: The handler runs on the executor, in the order of each calling thread's calls; without one, inside
///   ``call(_:with:fileID:line:)``, on C's thread.
/// - Cancellation: ``remove()`` is the consumer's: when it has returned, no call is accepted any more, and those that the
///   executor has not come to are taken back; one that is under way on another thread at this moment is not waited for. The
///   other way, C's destructor ends the context, and calls made before it still arrive.
@safe
public struct RepeatingContext<Element: Sendable>: Sendable {
    private let entry: RepeatingEntry<Element>
    private let ticket: ContextRegistry.Ticket

    private init(
        on executor: (any CallbackExecutor)?,
        outlivesRemoval: Bool,
        _ handler: @escaping @Sendable (Element) -> Void
    ) {
        entry = RepeatingEntry(Repetition(on: executor, handler), outlivesRemoval: outlivesRemoval)
        ticket = ContextRegistry.insert(entry)
    }

    /// Makes a context that Swift owns: it ends with ``remove()``.
    ///
    /// - Executor: `handler` runs on `executor`; without one, inside the call, on C's thread.
    public static func untilRemoved(
        on executor: (any CallbackExecutor)? = nil,
        _ handler: @escaping @Sendable (Element) -> Void
    ) -> RepeatingContext {
        RepeatingContext(on: executor, outlivesRemoval: false, handler)
    }

    /// Makes a context that C owns: it ends with the destructor that C was given, see ``destroy(_:fileID:line:)``.
    ///
    /// - Executor: `handler` runs on `executor`; without one, inside the call, on C's thread.
    public static func untilDestroyed(
        on executor: (any CallbackExecutor)? = nil,
        _ handler: @escaping @Sendable (Element) -> Void
    ) -> RepeatingContext {
        RepeatingContext(on: executor, outlivesRemoval: true, handler)
    }

    /// What to pass to C. Never null, never an address.
    public var pointer: UnsafeMutableRawPointer { unsafe ContextRegistry.pointer(for: ticket) }

    /// Ends what the handler is told: of a context that Swift owns, the context too.
    ///
    /// - Executor: Any thread, also in the handler.
    /// - Returns: True the first time, unless C's destructor came before.
    @discardableResult
    public func remove() -> Bool {
        if !entry.outlivesRemoval { ContextRegistry.remove(ticket) }
        return entry.repetition.revoke()
    }

    /// Calls the handler: what the C callback does.
    ///
    /// - Executor: Any thread, also one that Swift has never seen.
    /// - Errors: A context that has ended, is another's or of another type gives a report. So does a call that
    ///   its executor refuses or throws away.
    /// - Returns: True if the handler has run or will, for C functions that ask whether to go on.
    @discardableResult
    public static func call(
        _ pointer: UnsafeMutableRawPointer?,
        with element: Element,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Bool {
        let site = SourceSite(fileID: fileID, line: line)
        guard let found = unsafe ContextRegistry.find(pointer) else {
            Reporter.report(
                .message(
                    "a C callback at \(site) was called with a context that had ended, or is none; the call was ignored. Stop"
                        + " the C function before the context is removed, and use no context after its destructor."
                )
            )
            return false
        }
        guard let entry = found as? RepeatingEntry<Element> else {
            unsafe misuse(of: found, pointer, at: site)
            return false
        }
        return entry.repetition.call(element).isDelivered(of: "a C callback", at: site)
    }

    /// Ends the context: what the destructor does that some C functions take next to the callback.
    ///
    /// - Executor: Any thread. What the handler captured is released on it, unless a call is under way.
    /// - Errors: A context of another type gives a report and is left alone.
    /// - Returns: True if the context had not ended yet.
    @discardableResult
    public static func destroy(
        _ pointer: UnsafeMutableRawPointer?,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Bool {
        guard let found = unsafe ContextRegistry.find(pointer) else { return false }
        guard let entry = found as? RepeatingEntry<Element> else {
            found.reportMisuse(as: "\(Self.self)", at: SourceSite(fileID: fileID, line: line))
            return false
        }
        entry.repetition.close()
        return unsafe ContextRegistry.remove(pointer, if: { $0 === entry }) != nil
    }

    private static func misuse(of entry: any ContextEntry, _ pointer: UnsafeMutableRawPointer?, at site: SourceSite) {
        // The one call of a promise's context was this one: it has to learn that.
        if let promise = unsafe ContextRegistry.remove(pointer, if: { $0 === entry && $0.isUsedOnce }) {
            promise.failTaken(as: "\(Self.self)", at: site)
        } else {
            entry.reportMisuse(as: "\(Self.self)", at: site)
        }
    }
}

/// A repeating handler, as the registry keeps it.
final class RepeatingEntry<Element: Sendable>: ContextEntry {
    let repetition: Repetition<Element>
    /// C owns the context: it may call until its destructor has run, whatever Swift wants to hear.
    let outlivesRemoval: Bool

    init(_ repetition: Repetition<Element>, outlivesRemoval: Bool) {
        self.repetition = repetition
        self.outlivesRemoval = outlivesRemoval
    }

    var isUsedOnce: Bool { false }
    var kind: String { "\(RepeatingContext<Element>.self)" }
}
