// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// Is told of every switch between fibers of a thread; see `Fiber.trace`.
public final class FiberTracer {
    let body: (FiberEvent) throws -> Void

    /// Makes a tracer.
    ///
    /// - Parameter body: Called after each switch, on the stack of the fiber that was switched to, before that goes on. One that
    ///   throws is removed, and its error is thrown there instead of what the fiber was to get, which is lost and reported.
    ///   Switches that it makes are traced like any other.
    public init(_ body: @escaping (FiberEvent) throws -> Void) { self.body = body }
}

/// A switch from one fiber to another.
public struct FiberEvent: Sendable, Hashable, CustomStringConvertible {
    /// What was handed over.
    public enum Kind: Sendable, Hashable {
        /// A message, or the news that it does not come.
        case `switch`
        /// An error.
        case `throw`
    }

    /// What was handed over.
    public let kind: Kind
    /// The fiber that was left.
    public let origin: FiberInfo
    /// The fiber that was entered.
    public let target: FiberInfo

    /// `switch main → worker`.
    public var description: String { "\(kind) \(origin) → \(target)" }
}

/// What a fiber is called. It keeps none alive.
public struct FiberInfo: Sendable, Hashable, CustomStringConvertible {
    /// A number that no other greenlet or fiber of the process has.
    public let id: UInt64
    /// Its name, `fiber-7` without one, `main` for a main fiber.
    public let name: String
    /// It is a main fiber: code outside of all fibers.
    public let isMain: Bool

    init(_ fiber: FiberCore) {
        id = fiber.id
        name = fiber.displayName
        isMain = fiber.isMain
    }

    /// The name.
    public var description: String { name }
}

// These stand in an extension for one type so that `Fiber.trace` can be written without naming a type.
extension Fiber where Message == Void {
    /// Has a tracer told of the switches of the calling thread's fibers, also of those in its greenlets.
    ///
    /// Events come in the order of the switches. A switch to oneself is none; a parent's resumption at the end of a fiber is
    /// one (greenlet: settrace).
    ///
    /// - Executor: For the calling thread alone.
    /// - Parameter tracer: nil for none.
    /// - Returns: The one it replaces, to be put back.
    /// - Complexity: O(greenlets of the thread that use fibers). A switch without a tracer looks at one pointer.
    @discardableResult
    public static func trace(_ tracer: FiberTracer?) -> FiberTracer? {
        let thread = FiberHost.currentFiber.host.thread
        defer { thread.tracer = tracer }
        return thread.tracer
    }
}

/// The fibers of one thread: those of its own stack, and those of the greenlets that run on it.
final class FiberThread {
    var hosts: [ObjectIdentifier: FiberHost] = [:]
    var tracer: FiberTracer? {
        didSet { for host in hosts.values { host.tracer = tracer } }
    }
    /// Where local values of those fibers are asked back that no hub can be sent to for.
    let localMail: LocalMail

    init(localMail: LocalMail) { self.localMail = localMail }
}

extension FiberHost {
    /// After a switch, on the target's stack.
    ///
    /// - Returns: What the tracer threw.
    func trace(
        _ tracer: FiberTracer,
        from origin: FiberCore?,
        to target: FiberCore,
        with arrival: FiberCore.Arrival
    ) -> (any Error)? {
        guard let origin else { return nil }
        var kind = FiberEvent.Kind.switch
        if case .failure = arrival { kind = .throw }
        do {
            try tracer.body(FiberEvent(kind: kind, origin: FiberInfo(origin), target: FiberInfo(target)))
            return nil
        } catch {
            if thread.tracer === tracer { thread.tracer = nil }
            return error
        }
    }
}
