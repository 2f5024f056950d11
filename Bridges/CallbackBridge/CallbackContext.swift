// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// A promise on its way through C: the `void *context` of a callback that is called once. For one that is called again and
/// again see ``RepeatingContext``.
///
///     Call<Int> { done in
///         try done.passContext { context in
///             let status = legacy_add(2, 3, { sum, context in
///                 CallbackContext<Int>.take(context)?.succeed(Int(sum))
///             }, context)
///             guard status == 0 else { throw LegacyError(status) }
///         }
///     }
///
/// *Ownership.* The context owns the promise until it is consumed: by the one call (``take(_:fileID:line:)``), or by
/// ``release()`` where the call will never come. A released context that was the promise's last owner makes a
/// ``/Futures/BrokenPromise``. A context that is neither called nor released is kept for ever, as C code asks of it.
///
/// *Memory.* The pointer is a ticket, not an address: it is looked up, never followed. A second call, a call after the
/// release and a wrong type are reports, not corruption.
@safe
public struct CallbackContext<Success: Sendable>: Sendable {
    private let ticket: ContextRegistry.Ticket

    /// Makes a context that owns the promise until it is taken or released.
    public init(for promise: Promise<Success>) { ticket = ContextRegistry.insert(promise) }

    /// What to pass to C. Never null, never an address.
    public var pointer: UnsafeMutableRawPointer { unsafe ContextRegistry.pointer(for: ticket) }

    /// Takes the promise out of a context: what the one call does.
    ///
    /// - Executor: Any thread, also one that Swift has never seen.
    /// - Errors: A context that has been taken or released already gives nil, and a report. A context of another type
    ///   fails its promise with ``InvalidCallback`` and gives nil.
    public static func take(
        _ pointer: UnsafeMutableRawPointer?,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Promise<Success>? {
        let site = SourceSite(fileID: fileID, line: line)
        guard let found = unsafe ContextRegistry.find(pointer), unsafe remove(pointer) || !found.isUsedOnce else {
            Reporter.report(
                .message(
                    "a C callback at \(site) was called with a context that had been used or released; the call was ignored."
                        + " Each context is good for one call: make one for each registration, or a RepeatingContext."
                )
            )
            return nil
        }
        if let promise = found as? Promise<Success> { return promise }
        found.failTaken(as: "\(Self.self)", at: site)
        return nil
    }

    /// True for the one who ends the context.
    private static func remove(_ pointer: UnsafeMutableRawPointer?) -> Bool {
        unsafe ContextRegistry.remove(pointer, if: \.isUsedOnce) != nil
    }

    /// Gives the context up, for the destructor that some C functions take next to the callback.
    ///
    /// - Returns: True if it had not been taken yet; the promise is then dropped.
    @discardableResult
    public static func release(_ pointer: UnsafeMutableRawPointer?) -> Bool { unsafe remove(pointer) }

    /// Gives the context up: C has promised not to call, or never got it.
    ///
    /// - Returns: True if it had not been taken yet; the promise is then dropped.
    @discardableResult
    public func release() -> Bool { ContextRegistry.remove(ticket) != nil }

    /// Gives the context up after an accepted cancellation, which is the outcome: not the drop of the promise.
    func cancel() { ContextRegistry.remove(ticket)?.cancelTaken() }
}
